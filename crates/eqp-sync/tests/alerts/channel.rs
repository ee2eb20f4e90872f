//! Missed and rejected callbacks.

use std::time::Duration as Wait;

use eqp_simulator::Step;
use eqp_store::AlertSeverity;
use eqp_store::internal::missing_callback;
use eqp_sync::{AlertKind, ReconcileScope};
use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver};
use time::Duration;

use crate::harness::Watch;
use crate::setup::{Setup, builder};

/// Reconciles, and decides at once which callbacks are missed.
async fn reconciled(setup: &Setup) {
    setup.run(&ReconcileScope::Incremental).await;
    missing_callback::decide(&setup.database.pool, Wait::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_fresh_database_opens_no_alert() {
    let setup = Setup::of(builder().packages(500)).await;
    let mut watch = Watch::of(&setup.database.database).await;
    reconciled(&setup).await;
    for elapsed in [Duration::ZERO, Duration::hours(2), Duration::days(1)] {
        let evaluation = watch.after(elapsed).await;
        assert_eq!(evaluation.opened, 0, "{:?}", watch.open().await);
    }
}

#[tokio::test]
async fn a_late_callback_opens_no_alert() {
    let setup = Setup::new().await;
    setup.was_registered().await;
    let recorder = setup.records_callbacks().await;
    let mut watch = Watch::of(&setup.database.database).await;
    setup.submits("badges").await;
    setup.run(&ReconcileScope::Incremental).await;
    assert_eq!(watch.after(Duration::minutes(5)).await.opened, 0);
    setup.callbacks_arrive(&recorder).await;
    missing_callback::decide(&setup.database.pool, Wait::ZERO).await.unwrap();
    assert_eq!(watch.after(Duration::minutes(15)).await.opened, 0, "{:?}", watch.open().await);
}

#[tokio::test]
async fn callbacks_that_never_arrive_open_one_alert_of_their_account() {
    let setup = Setup::new().await;
    setup.was_registered().await;
    let recorder = setup.records_callbacks().await;
    let mut watch = Watch::of(&setup.database.database).await;
    let badges = setup.submits("badges").await;
    reconciled(&setup).await;
    assert_eq!(watch.now().await.opened, 1);
    let id = watch.the(AlertKind::CallbacksMissed).await.id;

    // Nothing has changed.
    reconciled(&setup).await;
    let evaluation = watch.now().await;
    assert_eq!((evaluation.opened, evaluation.updated, evaluation.resolved), (0, 0, 0));

    for step in [Step::TechnicalQueued, Step::MarketingStarted] {
        setup.step(&badges, step);
        reconciled(&setup).await;
        let evaluation = watch.now().await;
        assert_eq!((evaluation.opened, evaluation.updated), (0, 1), "{step:?}");
    }
    let text = watch.acknowledge(AlertKind::CallbacksMissed, AlertSeverity::Page).await;
    assert_eq!(text.title, "callbacks missed");
    assert_eq!(text.scope.as_deref(), Some("1 of 1 endpoint"));
    assert!(text.summary.ends_with("They were read from the API (reconcile): nothing is lost."), "{text:?}");

    // The callbacks arrive after all, and nothing is duplicated.
    let before = setup.known().await;
    setup.callbacks_arrive(&recorder).await;
    assert_eq!(setup.known().await, before);
    assert_eq!(watch.now().await.resolved, 1);
    watch.is_resolved(id).await;
    assert_eq!(watch.after(Duration::hours(30)).await.opened, 0);
}

#[tokio::test]
async fn rejected_callbacks_open_an_alert_until_one_is_accepted() {
    // The user name of the endpoint with another password.
    const WRONG: &[&str] = &["Basic a2V5Ondyb25n"];
    let receiver = TestReceiver::with(eqp_receiver::Builder::project).await;
    let mut watch = Watch::of(&receiver.database).await;
    let rejected = async || assert_eq!(receiver.sender.post(PATH, WRONG, STATUS).await.status, 401);
    rejected().await;
    watch.until(Duration::ZERO, (1, 0, 0)).await;
    let id = watch.the(AlertKind::CallbacksRejected).await.id;
    for _ in 0..2 {
        rejected().await;
        watch.until(Duration::ZERO, (0, 1, 0)).await;
    }
    let text = watch.acknowledge(AlertKind::CallbacksRejected, AlertSeverity::Page).await;
    assert!(text.meaning.contains("3 requests") && text.meaning.contains("Was the password changed?"), "{text:?}");

    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    // It is resolved an hour after the last rejection, and not with each accepted callback.
    assert_eq!(watch.after(Duration::minutes(30)).await.resolved, 0);
    watch.until_nothing_is_open(Duration::minutes(62)).await;
    watch.is_resolved(id).await;
    receiver.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_was_never_called_is_not_proven_and_no_alert() {
    let setup = Setup::new().await;
    setup.was_registered().await;
    let mut watch = Watch::of(&setup.database.database).await;
    assert_eq!(watch.after(Duration::days(30)).await.opened, 0);
    let listed = watch.operators.list(false, watch.begun).await.unwrap();
    assert_eq!(listed.unproven.iter().map(|one| one.endpoint.as_str()).collect::<Vec<_>>(), ["main"]);
}
