//! Alerts that a subscription cannot deliver reach its fallback.

use eqp_deliver::{Fallback, SubscriptionError};
use eqp_store::internal::alert_notification;
use eqp_store::{AlertChangeKind, AlertSeverity};

use crate::alerts::{Alert, expected, now, types};
use crate::setup::{DOWN, FAILED, Received, Setup};

/// A first subscription, and its fallback, whose handlers have the same names.
async fn with_fallback() -> Setup {
    let setup = Setup::new().await;
    setup.subscribe("first", |new| new.filter.alerts = vec!["page".into()]).await;
    setup.subscribe("second", |new| new.fallback = Some(Fallback::of("first"))).await;
    setup
}

async fn page(setup: &Setup) -> Alert {
    Alert::open(setup, AlertSeverity::Page, "{}", now()).await
}

/// Waits until everything has been matched and sent that can be.
async fn settle(setup: &Setup, changes: i64) {
    setup.until("select alert_cursor from eqp.fanout", changes).await;
    setup
        .until(
            "select count(*) from eqp.delivery join eqp.subscription_state using (subscription_id)
             where state = 'active' and dead_at is null and retry_at is null and open_until is null",
            0,
        )
        .await;
}

#[tokio::test]
async fn while_the_first_subscription_delivers_its_fallback_receives_nothing() {
    let setup = with_fallback().await;
    let process = setup.start();
    let alert = page(&setup).await;
    alert.changes(&setup, AlertChangeKind::Resolved, now()).await;
    setup.files(&["a"]).await;
    settle(&setup, 2).await;
    setup.handlers.wait_for(3).await;
    process.stop().await;
    assert_eq!(types(&setup, "second"), []);
    assert_eq!(types(&setup, "first").len(), 3);
    assert_eq!(setup.number("select count(*) from eqp.alert_fallback").await, 0);
}

#[tokio::test]
async fn while_the_first_subscription_is_paused_alerts_go_to_its_fallback_until_they_are_resolved() {
    let setup = with_fallback().await;
    let process = setup.start();
    let before = page(&setup).await;
    settle(&setup, 1).await;
    setup.subscriptions().pause("first", "a deployment").await.unwrap();
    let during = page(&setup).await;
    let info = Alert::open(&setup, AlertSeverity::Info, "{}", now()).await;
    settle(&setup, 3).await;
    setup.subscriptions().resume("first").await.unwrap();
    // The opening of this one went to the first subscription only, that of the other one to both.
    before.changes(&setup, AlertChangeKind::Resolved, now()).await;
    during.changes(&setup, AlertChangeKind::Resolved, now()).await;
    info.changes(&setup, AlertChangeKind::Resolved, now()).await;
    settle(&setup, 6).await;
    setup.until("select count(*) from eqp.attempt", 6).await;
    process.stop().await;
    assert_eq!(types(&setup, "second"), expected(&[("alert.opened", during.id), ("alert.resolved", during.id)]));
}

#[tokio::test]
async fn a_delivery_that_is_dead_goes_to_the_fallback_once() {
    let setup = with_fallback().await;
    setup.handlers.respond(|received: &Received| match received.handler.as_str() {
        "first" => eqp_deliver::AttemptOutcome::NeverRetry,
        _ => eqp_deliver::AttemptOutcome::Delivered,
    });
    let processes = [setup.start(), setup.start()];
    let alert = page(&setup).await;
    setup.until("select count(*) from eqp.attempt where result = 'delivered'", 1).await;
    alert.changes(&setup, AlertChangeKind::Acknowledged, now()).await;
    alert.changes(&setup, AlertChangeKind::Resolved, now()).await;
    setup.until("select count(*) from eqp.attempt where result = 'delivered'", 3).await;
    setup.until("select count(*) from eqp.delivery where dead_at is not null", 3).await;
    for process in processes {
        process.stop().await;
    }
    let all = [("alert.opened", alert.id), ("alert.acknowledged", alert.id), ("alert.resolved", alert.id)];
    assert_eq!(types(&setup, "second"), expected(&all));
    let notifications = alert_notification::of_alert(&setup.database.pool, alert.id).await.unwrap();
    let shown: Vec<_> = notifications
        .iter()
        .map(|one| {
            (one.change.as_str(), one.subscription.as_str(), one.is_fallback, one.is_dead, one.result.as_deref())
        })
        .collect();
    let (dead, delivered) = (Some("never_retry"), Some("delivered"));
    assert_eq!(
        shown,
        [
            ("opened", "first", false, true, dead),
            ("opened", "second", true, false, delivered),
            ("acknowledged", "first", false, true, dead),
            ("acknowledged", "second", true, false, delivered),
            ("resolved", "first", false, true, dead),
            ("resolved", "second", true, false, delivered),
        ]
    );
}

#[tokio::test]
async fn a_handler_that_fails_for_five_minutes_hands_over_the_alert_with_what_happened_since() {
    let setup = with_fallback().await;
    setup.handlers.respond(|received: &Received| match received.handler.as_str() {
        "first" => DOWN,
        _ => eqp_deliver::AttemptOutcome::Delivered,
    });
    let process = setup.start();
    let alert = page(&setup).await;
    alert.changes(&setup, AlertChangeKind::Resolved, now()).await;
    setup.until("select count(*) from eqp.delivery where retry_at is not null", 1).await;
    // It has waited for less than five minutes: nothing is handed over, also by a later look.
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(types(&setup, "second"), []);
    setup.sql("update eqp.delivery set created_at = created_at - interval '5 minutes', not_before = not_before - interval '5 minutes'").await;
    setup.until("select count(*) from eqp.attempt where result = 'delivered'", 2).await;
    process.stop().await;
    assert_eq!(types(&setup, "second"), expected(&[("alert.opened", alert.id), ("alert.resolved", alert.id)]));
}

#[tokio::test]
async fn an_alert_about_the_first_subscription_goes_to_its_fallback() {
    let setup = with_fallback().await;
    let first = setup.subscriptions().id("first").await.unwrap().0;
    let process = setup.start();
    let about = Alert::open(&setup, AlertSeverity::Page, &format!(r#"{{"subscription_id": {first}}}"#), now()).await;
    about.changes(&setup, AlertChangeKind::Resolved, now()).await;
    settle(&setup, 2).await;
    process.stop().await;
    assert_eq!(types(&setup, "first"), []);
    assert_eq!(types(&setup, "second"), expected(&[("alert.opened", about.id), ("alert.resolved", about.id)]));
}

#[tokio::test]
async fn the_fallback_of_a_fallback_receives_what_neither_can_deliver() {
    let setup = with_fallback().await;
    setup.subscribe("third", |new| new.fallback = Some(Fallback::of("second"))).await;
    for name in ["first", "second"] {
        setup.subscriptions().pause(name, "a deployment").await.unwrap();
    }
    let second = setup.subscriptions().id("second").await.unwrap().0;
    let process = setup.start();
    let alert = page(&setup).await;
    let about = Alert::open(&setup, AlertSeverity::Page, &format!(r#"{{"subscription_id": {second}}}"#), now()).await;
    setup.until("select count(*) from eqp.attempt", 2).await;
    alert.changes(&setup, AlertChangeKind::Resolved, now()).await;
    setup.until("select count(*) from eqp.attempt", 3).await;
    // The second one delivers what it received while it was paused.
    setup.subscriptions().resume("second").await.unwrap();
    setup.until("select count(*) from eqp.attempt", 5).await;
    process.stop().await;
    let both = expected(&[("alert.opened", alert.id), ("alert.resolved", alert.id)]);
    assert_eq!(types(&setup, "second"), both);
    let mut third = types(&setup, "third");
    third.sort();
    assert_eq!(
        third,
        expected(&[("alert.opened", alert.id), ("alert.opened", about.id), ("alert.resolved", alert.id)])
    );
}

#[tokio::test]
async fn a_fallback_takes_the_place_of_a_removed_subscription() {
    let setup = with_fallback().await;
    setup.subscribe("third", |new| new.fallback = Some(Fallback::of("second"))).await;
    setup.subscriptions().remove("first").await.unwrap();
    assert_eq!(setup.subscriptions().find("second").await.unwrap().fallback, None);
    let process = setup.start();
    let alert = page(&setup).await;
    settle(&setup, 1).await;
    process.stop().await;
    assert_eq!(types(&setup, "second"), expected(&[("alert.opened", alert.id)]));
    assert_eq!(types(&setup, "third"), []);
}

#[tokio::test]
async fn a_crash_between_two_attempts_hands_nothing_over_twice() {
    let setup = with_fallback().await;
    setup.handlers.respond(|received: &Received| match received.handler.as_str() {
        "first" => eqp_deliver::AttemptOutcome::NeverRetry,
        _ => FAILED,
    });
    let process = setup.start();
    page(&setup).await;
    setup.until("select count(*) from eqp.attempt where result = 'event_failed'", 1).await;
    process.crash().await;
    let process = setup.start();
    setup.handlers.respond(|_: &Received| eqp_deliver::AttemptOutcome::Delivered);
    setup.sql("update eqp.delivery_lane set due_at = now(), lease = null where due_at < 'infinity'").await;
    setup.sql("update eqp.delivery set retry_at = now() where retry_at is not null").await;
    setup.until("select count(*) from eqp.attempt where result = 'delivered'", 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    process.stop().await;
    assert_eq!(setup.number("select count(*) from eqp.delivery where dead_at is null").await, 0);
    assert_eq!(setup.number("select count(*) from eqp.alert_fallback").await, 1);
}

#[tokio::test]
async fn a_fallback_that_could_receive_nothing_is_refused() {
    let setup = with_fallback().await;
    setup.subscribe("events", |_| {}).await;
    let refused = async |name: &str, first: &str, kinds: &[&str]| {
        let handler = eqp_deliver::HandlerDefinition::Exec(eqp_deliver::ExecDefinition::new("x"));
        let mut new = eqp_deliver::NewSubscription::new(name, handler);
        new.fallback = Some(Fallback::of(first));
        new.filter.kinds = kinds.iter().map(|&kind| kind.to_owned()).collect();
        match setup.subscriptions().add(&new, Some(&setup.key)).await {
            Err(SubscriptionError::Fallback { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused("x", "x", &[]).await, "a subscription cannot be its own fallback");
    assert_eq!(refused("x", "nothing", &[]).await, "there is no subscription with that name");
    assert_eq!(refused("x", "events", &[]).await, "it receives no alerts");
    assert_eq!(refused("x", "first", &["file"]).await, "a fallback receives alerts only, so it cannot filter events");
}
