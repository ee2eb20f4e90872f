//! Callbacks that never arrive, or arrive after their change was found.

use std::collections::BTreeMap;
use std::time::Duration;

use eqp_simulator::Step;
use eqp_store::internal::missing_callback;
use eqp_sync::{DifferenceReason, ReconcileKind, ReconcileScope, ReconcileTarget};

use crate::setup::Setup;

#[tokio::test]
async fn every_track_gets_its_current_status_when_no_callback_arrives() {
    let setup = Setup::new().await;
    setup.was_registered().await;
    let recorder = setup.records_callbacks().await;
    assert_eq!(setup.run(&ReconcileScope::Incremental).await.0.differences, 0, "there is no package yet");

    let (badges, colors) = (setup.submits("badges").await, setup.submits("colors").await);
    let (report, differences) = setup.run(&ReconcileScope::Incremental).await;
    assert_eq!((report.differences, report.baseline, report.stored), (2, 0, 2));
    assert!(differences.iter().all(|one| one.reason == DifferenceReason::New && one.sku.is_some()));
    assert_eq!(setup.known().await, setup.current());
    let found = setup.database.events().await;
    assert_eq!(found.len(), 6, "one event for each flow");

    setup.step(&badges, Step::TechnicalQueued);
    setup.step(&colors, Step::MarketingStarted);
    let (report, differences) = setup.run(&ReconcileScope::Incremental).await;
    assert_eq!((report.kind, report.differences), (ReconcileKind::Incremental, 2));
    assert!(differences.iter().all(|one| one.reason == DifferenceReason::Changed && one.statuses.len() == 1));
    let found = setup.database.events().await;
    assert_eq!(found.len(), 8, "one event for each track that has changed");
    assert_eq!(Setup::origins(&found), BTreeMap::from([("reconcile".to_owned(), 8)]));
    assert_eq!(setup.known().await, setup.current());

    for scope in [ReconcileScope::Incremental, ReconcileScope::Full] {
        let (report, _) = setup.run(&scope).await;
        assert_eq!((report.differences, report.stored), (0, 0), "{scope:?}");
    }

    // The callbacks arrive after all: two for each submission, and those of the files.
    setup.callbacks_arrive(&recorder).await;
    let events = setup.database.events().await;
    let of_submissions =
        events.iter().filter(|event| event.flow.as_ref().is_some_and(|flow| flow.as_str() != "malware"));
    assert_eq!(of_submissions.count(), 8, "nothing is duplicated: {events:#?}");
    assert_eq!(setup.known().await, setup.current());
    assert_eq!(setup.run(&ReconcileScope::Full).await.0.differences, 0);
}

#[tokio::test]
async fn a_callback_that_is_only_late_is_not_missed() {
    let setup = Setup::new().await;
    setup.was_registered().await;
    let recorder = setup.records_callbacks().await;
    let late = setup.submits("badges").await;
    setup.run(&ReconcileScope::Incremental).await;
    setup.callbacks_arrive(&recorder).await;
    setup.step(&late, Step::TechnicalQueued);
    setup.run(&ReconcileScope::Incremental).await;

    // Nothing is decided before the callbacks had time to arrive.
    let pool = &setup.database.pool;
    assert!(missing_callback::decide(pool, Duration::from_mins(15)).await.unwrap().is_empty());
    let missed = missing_callback::decide(pool, Duration::ZERO).await.unwrap();
    assert_eq!(missed.iter().map(|one| one.callbacks).sum::<u64>(), 1, "only that of the last step: {missed:?}");
}

#[tokio::test]
async fn a_submission_or_a_product_can_be_read_alone() {
    let setup = Setup::new().await;
    let (badges, colors) = (setup.submits("badges").await, setup.submits("colors").await);
    let badges = ReconcileTarget::Submission(badges);
    let (report, differences) = setup.run(&ReconcileScope::Selected(vec![badges])).await;
    assert_eq!((report.kind, report.submissions, differences.len()), (ReconcileKind::Selected, 1, 1));

    let targets = ["acme/colors", "s-unknown", "acme/unknown"].map(|target| target.parse().unwrap());
    let (report, differences) = setup.run(&ReconcileScope::Selected(targets.to_vec())).await;
    assert_eq!(report.not_found, ["s-unknown", "acme/unknown"]);
    assert_eq!(differences.iter().map(|one| &*one.resource_id).collect::<Vec<_>>(), [colors.as_str()]);
    assert_eq!(setup.known().await, setup.current());
    // It does not count as a run that has read what changed before.
    assert_eq!(setup.run(&ReconcileScope::Incremental).await.0.kind, ReconcileKind::Full);
}

#[tokio::test]
async fn a_scan_whose_callback_is_missing_is_read_from_the_file() {
    let setup = Setup::new().await;
    setup.submits("badges").await;
    let file = setup.simulator().snapshot().accounts[0].files[0].file_upload_id.clone();
    let queued = format!(
        r#"{{"callback_event": "malware_scan_complete",
            "update_info": {{"file_upload_id": "{file}", "tool_result": "in-progress"}}}}"#
    );
    setup.database.callback(queued).await;
    setup.database.project().await;
    let (report, differences) = setup.run(&ReconcileScope::Incremental).await;
    assert_eq!(report.files, 1);
    let of_file: Vec<_> = differences.iter().filter(|one| one.resource_id == file.as_str()).collect();
    assert_eq!(of_file.len(), 1);
    assert_eq!(of_file[0].statuses[0].current, "passed");
    assert_eq!(setup.run(&ReconcileScope::Incremental).await.0.files, 0, "its scan has ended");
}

#[tokio::test]
async fn a_database_that_was_restored_from_an_old_backup_becomes_current() {
    let mut setup = Setup::new().await;
    setup.was_registered().await;
    let recorder = setup.records_callbacks().await;
    setup.run(&ReconcileScope::Full).await;
    let before = setup.submits("before").await;
    setup.step(&before, Step::TechnicalQueued);
    setup.run(&ReconcileScope::Incremental).await;
    let backup = setup.database.copy().await;

    // Changes that the lost database knows, from callbacks and from the API.
    setup.step(&before, Step::TechnicalStarted);
    let after = setup.submits("after").await;
    setup.step(&after, Step::TechnicalQueued);
    setup.callbacks_arrive(&recorder).await;
    setup.run(&ReconcileScope::Incremental).await;
    assert_eq!(setup.known().await, setup.current());

    setup.database = backup;
    assert!(!setup.known().await.contains_key(after.as_str()), "the backup is older");
    let (report, differences) = setup.run(&ReconcileScope::Incremental).await;
    assert_eq!(report.kind, ReconcileKind::Incremental, "it continues from the last run in the backup");
    assert_eq!(differences.len(), 2, "{differences:?}");
    assert_eq!(setup.known().await, setup.current());
    let (report, _) = setup.run(&ReconcileScope::Full).await;
    assert_eq!(report.differences, 0);
}
