//! What operators do with subscriptions and deliveries.

use eqp_deliver::{AttemptOutcome, HandlerDefinition, NewSubscription, SubscriptionError};
use eqp_store::internal::{DeliveryFilter, delivery};

use crate::setup::{DOWN, FAILED, Setup};

#[tokio::test]
async fn names_are_unique_until_a_subscription_is_removed() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    let again = NewSubscription::new("shop", HandlerDefinition::Pull);
    let error = setup.subscriptions().add(&again, None).await.unwrap_err();
    assert!(matches!(error, SubscriptionError::NameInUse { .. }), "{error}");
    setup.subscriptions().remove("shop").await.unwrap();
    assert!(matches!(setup.subscriptions().remove("shop").await, Err(SubscriptionError::NotFound { .. })));
    setup.subscriptions().add(&again, None).await.unwrap();
    assert_eq!(setup.subscriptions().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn removing_a_subscription_removes_its_deliveries() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.subscribe("other", |_| {}).await;
    setup.handlers.respond(|received| if received.handler == "shop" { FAILED } else { AttemptOutcome::Delivered });
    let process = setup.start();
    setup.files(&["a", "b"]).await;
    setup.until("select count(*) from eqp.delivery where attempts = 1", 2).await;
    setup.until("select count(*) from eqp.delivery", 2).await;
    setup.subscriptions().remove("shop").await.unwrap();
    process.stop().await;
    // The sweep runs when a process starts, and then each minute.
    let process = setup.start();
    setup.until("select count(*) from eqp.delivery", 0).await;
    setup.until("select count(*) from eqp.subscription", 1).await;
    process.stop().await;
}

#[tokio::test]
async fn a_test_is_sent_once_even_to_a_paused_subscription() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.subscriptions().pause("shop", "not yet").await.unwrap();
    setup.handlers.respond(|_| DOWN);
    let process = setup.start();
    setup.files(&["a"]).await;
    let test = setup.subscriptions().test("shop").await.unwrap();
    setup.until("select count(*) from eqp.attempt where source = 'test' and result = 'handler_down'", 1).await;
    setup.until_empty().await;
    let attempts = delivery::attempts(&setup.database.pool, test).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].note.as_deref()), (1, Some("the note")));
    process.stop().await;
    let received = setup.handlers.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].message.body.type_name(), "subscription.test");
    assert_eq!(setup.number("select failures::bigint from eqp.subscription_state").await, 0);
}

#[tokio::test]
async fn deliveries_can_be_listed_retried_and_discarded() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.handlers.respond(|_| FAILED);
    let process = setup.start();
    setup.files(&["a", "b"]).await;
    setup.until("select count(*) from eqp.delivery where attempts = 1 and retry_at is not null", 2).await;
    let pool = &setup.database.pool;
    let filter = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
    let listed = delivery::list(pool, &filter).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].last_result.as_deref(), Some("event_failed"));
    assert!(listed[0].id > listed[1].id);
    let [b, a] = [listed[0].id, listed[1].id];
    assert_eq!(delivery::discard(pool, &[b], "not needed").await.unwrap(), 1);
    assert_eq!(delivery::discard(pool, &[b], "not needed").await.unwrap(), 0);
    setup.handlers.respond(|_| AttemptOutcome::Delivered);
    assert_eq!(delivery::retry_waiting(pool, &[a]).await.unwrap(), 1);
    setup.until("select count(*) from eqp.delivery", 0).await;
    process.stop().await;
    let results: Vec<String> = delivery::attempts(pool, b).await.unwrap().into_iter().map(|one| one.result).collect();
    assert_eq!(results, ["event_failed", "discarded"]);
    setup.until("select count(*) from eqp.delivery_lane where due_at < 'infinity'", 0).await;
}

#[tokio::test]
async fn nothing_is_sent_to_a_subscription_whose_deliveries_are_fetched() {
    let setup = Setup::new().await;
    setup.subscribe("pulled", |new| new.handler = HandlerDefinition::Pull).await;
    setup.subscribe("sent", |_| {}).await;
    let process = setup.start();
    setup.files(&["a"]).await;
    setup.handlers.wait_for(1).await;
    setup.until("select count(*) from eqp.delivery", 1).await;
    let error = setup.subscriptions().test("pulled").await.unwrap_err();
    assert!(matches!(error, SubscriptionError::NothingToTest { .. }), "{error}");
    process.stop().await;
    assert_eq!(setup.subscriptions().find("pulled").await.unwrap().waiting, 1);
}
