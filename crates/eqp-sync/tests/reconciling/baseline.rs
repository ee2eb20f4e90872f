//! The first run of an account: what had happened before is recorded, and reported to nobody as a change.

use eqp_simulator::Step;
use eqp_sync::{DifferenceReason, ReconcileKind, ReconcileScope};

use crate::setup::{Setup, builder};

#[tokio::test]
async fn the_first_run_of_a_fresh_database_is_the_baseline() {
    let setup = Setup::of(builder().packages(500)).await;
    let (report, differences) = setup.run(&ReconcileScope::Incremental).await;
    assert_eq!(report.kind, ReconcileKind::Full, "the first run reads everything");
    assert_eq!((report.submissions, report.differences, report.baseline, report.stored), (500, 500, 500, 500));
    assert!(differences.iter().all(|one| one.reason == DifferenceReason::New && one.baseline));
    assert_eq!(setup.known().await, setup.current());
    let events = setup.database.events().await;
    assert_eq!(Setup::origins(&events).into_iter().collect::<Vec<_>>(), [("baseline".to_owned(), events.len())]);

    let (report, _) = setup.run(&ReconcileScope::Incremental).await;
    assert_eq!(report.kind, ReconcileKind::Incremental);
    assert_eq!((report.differences, report.stored), (0, 0));
    assert!(report.submissions <= 100, "an incremental run reads {} submissions", report.submissions);
}

#[tokio::test]
async fn a_dry_run_shows_the_differences_and_stores_nothing() {
    let setup = Setup::of(builder().packages(120)).await;
    let mut differences = Vec::new();
    let mut collect = |difference| differences.push(difference);
    let report = setup.reconciler().observe(&ReconcileScope::Incremental, &mut collect).await.unwrap();
    assert_eq!((report.differences, report.stored, differences.len()), (120, 0, 120));
    for table in ["api_read", "callback_pending", "track", "reconcile_run", "resource_detail"] {
        let count = sqlx::AssertSqlSafe(format!("select count(*) from eqp.{table}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&setup.database.pool).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test]
async fn a_submission_from_after_the_registration_is_not_the_baseline() {
    let setup = Setup::of(builder().packages(3)).await;
    setup.was_registered().await;
    // The packages are minutes old, and the registration is older.
    let (report, _) = setup.run(&ReconcileScope::Incremental).await;
    assert_eq!((report.differences, report.baseline), (3, 0));
    let origins = Setup::origins(&setup.database.events().await);
    assert_eq!(origins.keys().collect::<Vec<_>>(), ["reconcile"]);
}

#[tokio::test]
async fn what_changes_while_everything_is_read_is_found_by_the_next_run() {
    let setup = Setup::of(builder().packages(250)).await;
    let live = {
        let snapshot = setup.simulator().snapshot();
        let mut packages = snapshot.accounts[0].packages.iter();
        let live = packages.find(|package| package.status.to_string().starts_with("released_to_store")).unwrap();
        live.submission_id.clone()
    };
    let mut seen = 0;
    let mut change = |_| {
        seen += 1;
        // The first two pages are compared; whether this package was on them does not matter.
        if seen == 150 {
            setup.step(&live, Step::RemovedByAdmin);
        }
    };
    let shutdown = tokio_util::sync::CancellationToken::new();
    setup.reconciler().run(&ReconcileScope::Full, &shutdown, &mut change).await.unwrap();
    setup.database.project().await;
    let (report, _) = setup.run(&ReconcileScope::Incremental).await;
    assert!(report.differences <= 1, "{report:?}");
    assert_eq!(setup.known().await, setup.current());
}
