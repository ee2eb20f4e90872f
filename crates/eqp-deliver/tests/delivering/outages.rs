//! Handlers that are down.

use std::time::{Duration, Instant};

use eqp_deliver::AttemptOutcome;

use crate::setup::{DOWN, Received, Setup};

const COUNTED_TWICE: &str = "select count(*) from eqp.delivery where attempts > 1";
const COUNTED: &str = "select count(*) from eqp.delivery where attempts = 1";
const OPEN: &str = "select count(*) from eqp.subscription_state where open_until is not null";

#[tokio::test]
async fn after_six_hours_everything_that_waited_is_delivered_within_ten_seconds_and_no_attempt_was_wasted() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.respond(|_| DOWN);
    let process = setup.start();
    let names: Vec<String> = (0..200).map(|n| format!("f{n:03}")).collect();
    setup.files(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    setup.until("select count(*) from eqp.delivery", 200).await;
    setup.until(OPEN, 1).await;
    // Probes, as many as fit into the test; six hours have 72.
    for failures in 6..30 {
        setup.sql("update eqp.subscription_state set open_until = now()").await;
        let at_least = setup.number("select failures::bigint from eqp.subscription_state").await;
        assert!(at_least + 1 >= failures, "each probe is one attempt");
        let waiting = async {
            while setup.number("select failures::bigint from eqp.subscription_state").await <= at_least {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("a probe was sent");
    }
    assert_eq!(setup.number(COUNTED_TWICE).await, 0);
    assert!(setup.number(COUNTED).await <= 1);
    setup.sql("update eqp.subscription_state set failing_since = now() - interval '6 hours'").await;
    let before = setup.handlers.received().len();
    setup.handlers.respond(|_| AttemptOutcome::Delivered);
    setup.sql("update eqp.subscription_state set open_until = now()").await;
    setup.handlers.wait_for(before + 1).await;
    let begun = Instant::now();
    setup.until("select count(*) from eqp.delivery", 0).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(took > Duration::from_secs(5), "not all at once: {took:?}");
    let mut delivered: Vec<String> = setup.handlers.received()[before..].iter().map(Received::resource).collect();
    delivered.sort();
    assert_eq!(delivered, names);
    assert_eq!(setup.number(OPEN).await, 0);
    process.stop().await;
}

#[tokio::test]
async fn an_event_on_which_the_handler_crashes_does_not_block_the_others() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.respond(|_| DOWN);
    let process = setup.start();
    setup.files(&["poison", "a", "b", "c"]).await;
    setup.until(OPEN, 1).await;
    // The handler is restarted, and crashes again on one of them.
    setup.handlers.respond(|received| if received.resource() == "poison" { DOWN } else { AttemptOutcome::Delivered });
    for _ in 0..8 {
        if setup.number("select count(*) from eqp.delivery").await == 1 {
            break;
        }
        setup.pass_waits().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    setup.until("select count(*) from eqp.delivery", 1).await;
    process.stop().await;
}

#[tokio::test]
async fn the_time_of_an_outage_does_not_count_for_the_order_hold() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.respond(|received| if received.resource() == "s" { crate::setup::FAILED } else { DOWN });
    let process = setup.start();
    setup.submission("s").await;
    setup.until("select count(*) from eqp.delivery where hold_until is not null", 1).await;
    setup.files(&["a", "b", "c", "d", "e", "f"]).await;
    setup.until(OPEN, 1).await;
    setup.sql("update eqp.subscription_state set failing_since = now() - interval '6 hours', open_until = now() + interval '1 hour'").await;
    setup.sql("update eqp.delivery set hold_until = now() - interval '5 hours 50 minutes', retry_at = now() - interval '1 hour' where hold_until is not null and resource = (select resource from eqp.delivery order by id limit 1)").await;
    setup.handlers.respond(
        |received| {
            if received.resource() == "s" { crate::setup::FAILED } else { AttemptOutcome::Delivered }
        },
    );
    // The probe takes a lane that has waited for longer than the submission's.
    setup.sql("update eqp.delivery_lane set due_at = now() + interval '1 minute' where resource = (select resource from eqp.delivery order by id limit 1)").await;
    setup.sql("update eqp.subscription_state set open_until = now()").await;
    setup.until("select count(*) from eqp.delivery where hold_until between now() + interval '5 minutes' and now() + interval '11 minutes'", 1).await;
    process.stop().await;
    assert!(setup.handlers.received().iter().all(|one| one.resource() != "s" || one.seq() == 1));
}

#[tokio::test]
async fn after_five_days_of_nothing_but_failures_the_subscription_is_paused_and_nothing_is_dead() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.respond(|_| DOWN);
    let process = setup.start();
    setup.files(&["a", "b", "c", "d", "e", "f"]).await;
    setup.until(OPEN, 1).await;
    setup
        .sql("update eqp.subscription_state set failing_since = now() - interval '5 days 1 second', open_until = now()")
        .await;
    setup.until("select count(*) from eqp.subscription_state where state = 'paused'", 1).await;
    let paused = setup.subscriptions().find("all").await.unwrap();
    assert_eq!(paused.paused_reason.as_deref(), Some("the handler has been down for 5 days"));
    assert_eq!((paused.waiting, paused.dead), (6, 0));
    setup.handlers.respond(|_| AttemptOutcome::Delivered);
    setup.subscriptions().resume("all").await.unwrap();
    setup.until_empty().await;
    process.stop().await;
}
