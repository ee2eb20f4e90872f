//! The order of the events of a resource while one of them fails.

use std::time::Duration;

use eqp_deliver::{AttemptOutcome, OrderHold};

use crate::setup::{FAILED, Received, Setup};

fn fails_first(setup: &Setup, resource: &'static str, seq: i64) {
    setup.handlers.respond(move |received: &Received| {
        if received.resource() == resource && received.seq() == seq { FAILED } else { AttemptOutcome::Delivered }
    });
}

#[tokio::test]
async fn a_failing_event_holds_back_only_the_later_ones_of_its_resource() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    fails_first(&setup, "s", 1);
    let process = setup.start();
    setup.submission("s").await;
    setup.files(&["a", "b"]).await;
    setup
        .handlers
        .wait_until("the files", |received| {
            ["a", "b"].iter().all(|file| received.iter().any(|one| one.resource() == *file))
        })
        .await;
    setup.until("select count(*) from eqp.delivery", 3).await;
    assert!(setup.handlers.received().iter().all(|one| one.resource() != "s" || one.seq() == 1));
    setup.handlers.respond(|_| AttemptOutcome::Delivered);
    setup.pass_waits().await;
    setup.until_empty().await;
    process.stop().await;
    let mut of_submission: Vec<i64> =
        setup.handlers.received().iter().filter(|one| one.resource() == "s").map(Received::seq).collect();
    of_submission.dedup();
    assert_eq!(of_submission, [1, 2, 3]);
}

#[tokio::test]
async fn after_the_order_hold_the_later_events_are_sent_and_marked() {
    let setup = Setup::new().await;
    setup.subscribe("all", |new| new.order_hold = OrderHold::For(Duration::from_mins(15))).await;
    fails_first(&setup, "s", 1);
    let process = setup.start();
    setup.submission("s").await;
    setup.until("select count(*) from eqp.delivery where attempts = 1", 1).await;
    setup.until("select count(*) from eqp.delivery where hold_until between now() + interval '14 minutes' and now() + interval '15 minutes'", 1).await;
    setup
        .sql("update eqp.delivery set hold_until = now(), retry_at = now() + interval '1 hour' where attempts = 1")
        .await;
    setup.sql("update eqp.delivery_lane set due_at = now()").await;
    let received = setup.handlers.wait_for(3).await;
    setup.until("select count(*) from eqp.delivery", 1).await;
    process.stop().await;
    let marked: Vec<(i64, Option<i64>)> = received.iter().map(|one| (one.seq(), one.out_of_order_after())).collect();
    assert_eq!(marked, [(1, None), (2, Some(1)), (3, Some(1))]);
}

#[tokio::test]
async fn without_an_order_hold_nothing_is_held_back() {
    let setup = Setup::new().await;
    setup.subscribe("all", |new| new.order_hold = OrderHold::For(Duration::ZERO)).await;
    fails_first(&setup, "s", 1);
    let process = setup.start();
    setup.submission("s").await;
    setup.until("select count(*) from eqp.delivery", 1).await;
    process.stop().await;
    let received = setup.handlers.received();
    assert!(received.iter().any(|one| one.seq() == 3 && one.out_of_order_after() == Some(1)));
}

#[tokio::test]
async fn a_strict_subscription_holds_back_until_the_delivery_is_dead() {
    let setup = Setup::new().await;
    setup.subscribe("all", |new| new.order_hold = OrderHold::Strict).await;
    fails_first(&setup, "s", 1);
    let process = setup.start();
    setup.submission("s").await;
    setup.until("select count(*) from eqp.delivery where attempts = 1 and hold_until is null", 1).await;
    setup.sql("update eqp.delivery set attempts = 9 where attempts = 1").await;
    setup.pass_waits().await;
    setup.until("select count(*) from eqp.delivery where dead_at is not null", 1).await;
    setup.until_empty().await;
    let received = setup.handlers.received();
    let marked: Vec<(i64, Option<i64>)> = received.iter().map(|one| (one.seq(), one.out_of_order_after())).collect();
    assert_eq!(marked, [(1, None), (1, None), (2, Some(1)), (3, Some(1))]);

    // An operator can have it sent after all.
    setup.handlers.respond(|_| AttemptOutcome::Delivered);
    let dead = setup.number("select id from eqp.delivery").await;
    assert_eq!(eqp_store::internal::delivery::retry_dead(&setup.database.pool, &[dead]).await.unwrap(), 1);
    setup.until("select count(*) from eqp.delivery", 0).await;
    process.stop().await;
    assert_eq!(setup.handlers.received().last().unwrap().seq(), 1);
}
