//! Events that fail, and handlers that cannot be used.

use eqp_deliver::AttemptOutcome;

use crate::setup::{FAILED, Received, Setup};

const DEAD: &str = "select count(*) from eqp.delivery where dead_at is not null";

#[tokio::test]
async fn an_event_that_fails_is_sent_ten_times_and_is_then_dead() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.respond(|_| FAILED);
    let process = setup.start();
    setup.files(&["a"]).await;
    for attempts in 1..10 {
        let counted: i64 = attempts;
        setup
            .until("select coalesce(max(attempts), 0)::bigint from eqp.delivery where retry_at > now()", counted)
            .await;
        setup.pass_waits().await;
    }
    setup.until(DEAD, 1).await;
    process.stop().await;
    let ids: Vec<String> = setup.handlers.received().into_iter().map(|one| one.message.id).collect();
    assert_eq!(ids.len(), 10);
    assert!(ids.iter().all(|id| *id == ids[0] && id.starts_with("evt_")), "{ids:?}");
    assert_eq!(
        setup.number("select count(*) from eqp.attempt where result = 'event_failed' and note = 'the note'").await,
        10
    );
}

#[tokio::test]
async fn an_invalid_message_is_sent_three_times() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.respond(|_| AttemptOutcome::Invalid);
    let process = setup.start();
    setup.files(&["a"]).await;
    for attempts in 1..3 {
        setup
            .until("select coalesce(max(invalid), 0)::bigint from eqp.delivery where retry_at > now()", attempts)
            .await;
        setup.pass_waits().await;
    }
    setup.until(DEAD, 1).await;
    process.stop().await;
    assert_eq!(setup.handlers.received().len(), 3);
}

#[tokio::test]
async fn a_handler_that_panics_counts_as_a_failed_attempt() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.respond(|received: &Received| {
        assert_ne!(received.resource(), "bad", "this one panics");
        AttemptOutcome::Delivered
    });
    let process = setup.start();
    setup.files(&["bad", "good"]).await;
    setup.until("select count(*) from eqp.delivery where attempts = 1 and retry_at > now()", 1).await;
    setup.until("select count(*) from eqp.delivery", 1).await;
    process.stop().await;
    assert!(setup.handlers.resources("all").contains(&"good".to_owned()));
}

#[tokio::test]
async fn a_handler_that_is_gone_or_misconfigured_pauses_the_subscription_and_costs_no_attempt() {
    for (outcome, reason) in [
        (AttemptOutcome::Gone, "the handler answered 410 Gone"),
        (AttemptOutcome::Misconfigured("no such program".into()), "no such program"),
    ] {
        let setup = Setup::new().await;
        setup.subscribe("all", |_| {}).await;
        setup.handlers.respond(move |_| outcome.clone());
        let process = setup.start();
        setup.files(&["a", "b"]).await;
        setup.until("select count(*) from eqp.subscription_state where state = 'paused'", 1).await;
        let paused = setup.subscriptions().find("all").await.unwrap();
        assert_eq!(paused.paused_reason.as_deref(), Some(reason));
        assert_eq!((paused.waiting, paused.dead), (2, 0));
        assert_eq!(setup.number("select coalesce(max(attempts), 0)::bigint from eqp.delivery").await, 0);
        setup.handlers.respond(|_| AttemptOutcome::Delivered);
        setup.subscriptions().resume("all").await.unwrap();
        setup.until_empty().await;
        process.stop().await;
    }
}

#[tokio::test]
async fn retry_after_lengthens_the_wait() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.respond(|_| AttemptOutcome::EventFailed { retry_after: Some(std::time::Duration::from_mins(10)) });
    let process = setup.start();
    setup.files(&["a"]).await;
    setup.until("select count(*) from eqp.delivery where retry_at between now() + interval '9 minutes' and now() + interval '10 minutes'", 1).await;
    process.stop().await;
}
