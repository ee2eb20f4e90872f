//! An account without callbacks, which is read after each change.

use eqp_simulator::Step;
use eqp_store::Event;
use eqp_sync::ReconcileScope;

use crate::setup::Setup;

/// The statuses of each flow of the submissions, in order.
fn timeline(events: &[Event]) -> Vec<(String, String)> {
    let mut timeline: Vec<_> = events
        .iter()
        .filter(|event| event.applied)
        .filter_map(|event| Some((event.flow.as_ref()?.to_string(), event.status.clone()?)))
        .filter(|(flow, _)| flow != "malware")
        .collect();
    // Stable, so that each flow keeps its order.
    timeline.sort_by(|one, other| one.0.cmp(&other.0));
    timeline
}

#[tokio::test]
async fn reading_after_each_change_gives_the_timeline_of_callbacks() {
    let polled = Setup::new().await;
    let recorder = polled.records_callbacks().await;
    let submission = polled.submits("badges").await;
    polled.run(&ReconcileScope::Incremental).await;
    for step in [
        Step::TechnicalQueued,
        Step::MarketingStarted,
        Step::TechnicalStarted,
        Step::MarketingApproved,
        Step::TechnicalApproved,
    ] {
        polled.step(&submission, step);
        polled.run(&ReconcileScope::Incremental).await;
    }
    let of_reads = timeline(&polled.database.events().await);

    let called = Setup { database: eqp_test_support::callbacks::CallbackDatabase::new().await, ..polled };
    called.callbacks_arrive(&recorder).await;
    let of_callbacks = timeline(&called.database.events().await);
    assert!(of_reads.len() >= 8, "{of_reads:?}");
    assert_eq!(of_reads, of_callbacks);
}

#[tokio::test]
async fn reprojection_of_api_reads_changes_nothing() {
    let setup = Setup::new().await;
    let recorder = setup.records_callbacks().await;
    let submission = setup.submits("badges").await;
    setup.run(&ReconcileScope::Incremental).await;
    setup.step(&submission, Step::TechnicalQueued);
    setup.callbacks_arrive(&recorder).await;
    setup.step(&submission, Step::TechnicalStarted);
    setup.run(&ReconcileScope::Incremental).await;
    let before = setup.database.events().await.len();
    for _ in 0..2 {
        assert_eq!(setup.database.reproject().await, (0, 0), "events added and removed");
        assert_eq!(setup.database.events().await.len(), before);
    }
}
