//! Deliveries that fail for good, and subscriptions that the program pauses, open alerts, which reach other subscriptions.

use std::time::Duration;

use eqp_deliver::{AddressGuard, DeliverService, HandlerEnvironment, NewSubscription, Subscriptions};
use eqp_store::MasterKey;
use eqp_store::internal::delivery;
use eqp_sync::{AlertEngine, AlertEvaluation, AlertSettings};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, scan};
use serde_json::json;
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::hook::Hook;

/// The subscription `shop` to events and alerts, the subscription `ops` to alerts, and a process that delivers.
struct Setup {
    database: CallbackDatabase,
    engine: AlertEngine,
    shop: Hook,
    ops: Hook,
    stop: CancellationToken,
    process: JoinHandle<()>,
}

impl Setup {
    async fn new() -> Self {
        let database = CallbackDatabase::new().await;
        let (shop, ops) = (Hook::start().await, Hook::start().await);
        let subscriptions = Subscriptions::new(database.pool.clone());
        let mut new = NewSubscription::new("shop", shop.definition());
        new.filter.alerts = vec!["page".to_owned()];
        subscriptions.add(&new, None).await.unwrap();
        let mut new = NewSubscription::new("ops", ops.definition());
        new.filter.alerts_only = true;
        subscriptions.add(&new, None).await.unwrap();
        let environment = HandlerEnvironment::new(AddressGuard::allowing(["127.0.0.0/8"]).unwrap());
        let service = DeliverService::new(database.pool.clone(), MasterKey::ephemeral().unwrap(), environment);
        let shutdown = CancellationToken::new();
        let process = tokio::spawn(service.run(shutdown.clone()));
        let engine = AlertEngine::new(database.pool.clone(), AlertSettings::default());
        Self { database, engine, shop, ops, stop: shutdown, process }
    }

    async fn files(&self, names: &[&str]) {
        let bodies: Vec<String> = names.iter().map(|name| scan(name, "passed")).collect();
        self.database.callbacks(&bodies).await;
        self.database.project().await;
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await.unwrap()
    }

    /// Lets the waits between attempts pass until a query returns a number.
    async fn until(&self, sql: &'static str, expected: i64) {
        let waiting = async {
            while self.number(sql).await != expected {
                for pass in [
                    "update eqp.delivery set retry_at = now() where retry_at > now()",
                    "update eqp.delivery_lane set due_at = now() where due_at between now() and 'infinity'
                     and due_at < 'infinity' and lease is null",
                ] {
                    sqlx::query(pass).execute(&self.database.pool).await.unwrap();
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let reached = timeout(PATIENCE, waiting).await.is_ok();
        assert!(reached, "{sql} is {}, not {expected}", self.number(sql).await);
    }

    async fn evaluate(&mut self) -> AlertEvaluation {
        self.engine.evaluate(OffsetDateTime::now_utc()).await.unwrap()
    }

    /// Waits until a subscription has received messages of these types and no others.
    async fn has_received(hook: &Hook, types: &[&str]) {
        let waiting = async {
            while hook.types().len() < types.len() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok() && hook.types() == types, "{:?}", hook.types());
    }

    async fn ends(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.process).await.expect("stops in time").unwrap();
    }
}

const DEAD: &str = "select count(*) from eqp.delivery where dead_at is not null";
const WAITING: &str = "select count(*) from eqp.delivery where dead_at is null";

#[tokio::test(flavor = "multi_thread")]
async fn dead_deliveries_of_a_subscription_open_one_alert_which_ends_with_the_last_of_them() {
    let mut setup = Setup::new().await;
    setup.shop.responds(422);
    setup.files(&["a", "b"]).await;
    setup.until(DEAD, 2).await;
    assert_eq!(setup.evaluate().await.opened, 1);
    assert_eq!(setup.evaluate().await.opened, 0);
    Setup::has_received(&setup.ops, &["alert.opened"]).await;
    let opened = &setup.ops.received()[0]["data"];
    assert_eq!((&opened["kind"], &opened["severity"]), (&json!("delivery_dead"), &json!("page")));

    // Another one changes the alert, and opens none. Neither does one of an alert.
    setup.files(&["c"]).await;
    setup.until(DEAD, 3).await;
    let evaluation = setup.evaluate().await;
    assert_eq!((evaluation.opened, evaluation.updated), (0, 1));

    let dead: Vec<i64> =
        sqlx::query_scalar("select id from eqp.delivery order by id").fetch_all(&setup.database.pool).await.unwrap();
    delivery::discard(&setup.database.pool, &dead[..2], "handled otherwise").await.unwrap();
    assert_eq!(setup.evaluate().await.resolved, 0, "one is left");
    setup.shop.responds(204);
    delivery::retry_dead(&setup.database.pool, &dead[2..]).await.unwrap();
    setup.until(WAITING, 0).await;
    assert_eq!(setup.evaluate().await.resolved, 1);
    Setup::has_received(&setup.ops, &["alert.opened", "alert.resolved"]).await;
    setup.until(WAITING, 0).await;
    assert_eq!(setup.shop.types(), ["file.scan_finished"], "it does not receive alerts about itself");
    setup.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_delivery_of_an_alert_opens_no_other_alert() {
    let mut setup = Setup::new().await;
    setup.shop.responds(422);
    setup.ops.responds(422);
    setup.files(&["a"]).await;
    setup.until(DEAD, 1).await;
    assert_eq!(setup.evaluate().await.opened, 1);
    setup.until("select count(*) from eqp.delivery where dead_at is not null and source = 'alert'", 1).await;
    assert_eq!(setup.evaluate().await.opened, 0);
    assert_eq!(setup.number("select count(*) from eqp.alert").await, 1);
    setup.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_the_program_has_paused_opens_an_alert_until_it_is_resumed() {
    let mut setup = Setup::new().await;
    let subscriptions = Subscriptions::new(setup.database.pool.clone());
    subscriptions.pause("shop", "a deployment").await.unwrap();
    assert_eq!(setup.evaluate().await.opened, 0, "a person has paused it");
    subscriptions.resume("shop").await.unwrap();

    setup.shop.responds(410);
    setup.files(&["a"]).await;
    setup.until("select count(*) from eqp.subscription_state where state = 'paused'", 1).await;
    assert_eq!(setup.evaluate().await.opened, 1);
    assert_eq!(setup.evaluate().await.opened, 0);
    Setup::has_received(&setup.ops, &["alert.opened"]).await;
    let opened = &setup.ops.received()[0]["data"];
    assert_eq!((&opened["kind"], &opened["severity"]), (&json!("subscription_paused"), &json!("page")));
    assert!(opened["text"].as_str().unwrap().contains("410 Gone"), "{opened}");

    setup.shop.responds(204);
    subscriptions.resume("shop").await.unwrap();
    assert_eq!(setup.evaluate().await.resolved, 1);
    Setup::has_received(&setup.ops, &["alert.opened", "alert.resolved"]).await;
    setup.until(WAITING, 0).await;
    assert_eq!(setup.shop.types(), ["file.scan_finished"], "it has lost no event, and learns nothing about itself");
    setup.ends().await;
}
