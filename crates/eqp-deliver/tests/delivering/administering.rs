//! What operators do with subscriptions and deliveries.

use std::time::Duration;

use eqp_deliver::{AttemptOutcome, HandlerDefinition, NewSubscription, SubscriptionError};
use eqp_store::internal::{DeliveryFilter, DeliveryState, WaitReason, delivery, delivery_list};
use tokio::time::{sleep, timeout};

use crate::setup::{DOWN, FAILED, Setup};

const MINUTE: Duration = Duration::from_mins(1);

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
    let test = setup.subscriptions().test("shop", MINUTE).await.unwrap();
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
    let listed = delivery_list::list(pool, &filter).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].last_result.as_deref(), Some("event_failed"));
    assert_eq!((listed[0].state, listed[0].waits_for), (DeliveryState::Waiting, Some(WaitReason::Retry)));
    assert!(listed[0].retry_at.is_some());
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
    let error = setup.subscriptions().test("pulled", MINUTE).await.unwrap_err();
    assert!(matches!(error, SubscriptionError::NothingToTest { .. }), "{error}");
    process.stop().await;
    assert_eq!(setup.subscriptions().find("pulled").await.unwrap().waiting, 1);
}

#[tokio::test]
async fn a_test_that_nobody_waits_for_any_more_is_not_sent() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    let test = setup.subscriptions().test("shop", MINUTE).await.unwrap();
    setup.sql("update eqp.delivery set expires_at = now()").await;
    let process = setup.start();
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(setup.handlers.received(), []);
    let attempts = delivery::attempts(&setup.database.pool, test).await.unwrap();
    let notes: Vec<_> = attempts.iter().map(|one| (one.result.as_str(), one.note.as_deref().unwrap())).collect();
    assert_eq!(notes, [("skipped", "the test is over: its result is no longer waited for")]);
}

#[tokio::test]
async fn the_list_shows_why_a_delivery_waits() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.handlers.respond(|_| FAILED);
    let process = setup.start();
    setup.submission("s").await;
    setup.until("select count(*) from eqp.delivery where attempts = 1 and retry_at is not null", 1).await;
    process.stop().await;
    let reasons = async || {
        let filter = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
        let listed = delivery_list::list(&setup.database.pool, &filter).await.unwrap();
        listed.iter().map(|one| (one.waits_for.unwrap(), one.held_by.is_some())).collect::<Vec<_>>()
    };
    let behind = (WaitReason::EarlierDelivery, true);
    assert_eq!(reasons().await, [behind, behind, (WaitReason::Retry, false)]);
    setup.sql("update eqp.delivery set retry_at = null, not_before = now() + interval '1 h' where attempts = 1").await;
    assert_eq!(reasons().await[2], (WaitReason::QuietHours, false));
    setup.sql("update eqp.delivery set not_before = null").await;
    setup.sql("update eqp.delivery_lane set due_at = now() - interval '1 s'").await;
    assert_eq!(reasons().await[2], (WaitReason::Worker, false));
    setup.sql("update eqp.subscription_state set open_until = now() + interval '30 s'").await;
    assert_eq!(reasons().await[2], (WaitReason::HandlerDown, false));
    setup.subscriptions().pause("shop", "a deployment").await.unwrap();
    assert_eq!(reasons().await[0], (WaitReason::Paused, true));
}

#[tokio::test]
async fn a_skipped_delivery_is_listed_and_can_be_retried_once_the_details_are_known() {
    let setup = Setup::new().await;
    setup.subscribe("acme", |new| new.filter.skus = vec!["acme/*".into()]).await;
    let process = setup.start();
    setup.files(&["a"]).await;
    setup.until("select count(*) from eqp.delivery", 1).await;
    let pool = &setup.database.pool;
    let filter = |state| DeliveryFilter { state: Some(state), limit: 10, ..DeliveryFilter::default() };
    let waiting = async || delivery_list::list(pool, &filter(DeliveryState::Waiting)).await.unwrap();
    // Until the worker has noticed that the details are missing, the delivery is being sent.
    let is_noticed = async {
        while waiting().await[0].waits_for != Some(WaitReason::Details) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(MINUTE, is_noticed).await.expect("the missing details are reported");
    let waiting = waiting().await;
    setup.sql("update eqp.delivery set created_at = now() - interval '181 seconds'").await;
    setup.until_empty().await;
    let skipped = delivery_list::list(pool, &filter(DeliveryState::Skipped)).await.unwrap();
    assert_eq!(skipped.iter().map(|one| one.id).collect::<Vec<_>>(), [waiting[0].id]);
    assert!(skipped[0].last_note.as_ref().unwrap().contains("SKU"), "{skipped:?}");
    assert_eq!(delivery_list::find(pool, waiting[0].id).await.unwrap(), Some(skipped[0].clone()));

    sqlx::query("insert into eqp.resource_detail (account_id, resource_kind, resource_id, sku) select $1, 'file', 'a', 'acme/shop'")
        .bind(setup.database.account.0)
        .execute(pool)
        .await
        .unwrap();
    assert_eq!(delivery::retry_skipped(pool, &[waiting[0].id, 999_999]).await.unwrap(), 1);
    setup.handlers.wait_for(1).await;
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(setup.handlers.resources("acme"), ["a"]);
    assert_eq!(delivery_list::list(pool, &filter(DeliveryState::Skipped)).await.unwrap(), []);
    assert_eq!(delivery::retry_skipped(pool, &[waiting[0].id]).await.unwrap(), 0);
}
