//! Registrations that are not as they should be.

use std::sync::Arc;

use eqp_store::AlertSeverity;
use eqp_store::{Endpoints, MasterKey};
use eqp_sync::{AlertKind, Confirmation, Connect, NewRegistration, ReconcileService, Registrations};
use eqp_test_support::marketplace::client_of;
use eqp_test_support::receiver::until;
use eqp_types::{ApiKey, Environment};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio_util::sync::CancellationToken;

use crate::harness::{Watch, pool_of};
use crate::setup::Setup;

const URL: &str = "https://example.test/callbacks/main";

/// Writes the account's list of callbacks, and runs the reconcile part of a server until it has compared the list.
async fn compared(setup: &Setup, key: &MasterKey, list: Value) {
    let put = setup.marketplace.put(&setup.marketplace.user_path(), json!({"api_callbacks": list})).await;
    assert_eq!(put.status, 200, "{}", put.body);
    let client = client_of(setup.simulator());
    let connect: Connect = Arc::new(move |_: Environment, _: ApiKey| Ok(client.clone()));
    let (shutdown, begun) = (CancellationToken::new(), OffsetDateTime::now_utc());
    let service = ReconcileService::new(pool_of(&setup.database.database, "eqp_reconcile"), key.clone(), connect);
    let serving = tokio::spawn(service.run(shutdown.clone()));
    until("the registrations are compared", || async {
        let checked: Option<OffsetDateTime> = sqlx::query_scalar("select max(checked_at) from eqp.registration_check")
            .fetch_one(&setup.database.pool)
            .await
            .unwrap();
        checked.is_some_and(|at| at >= begun)
    })
    .await;
    shutdown.cancel();
    serving.await.unwrap();
}

fn entry(url: &str, username: &str) -> Value {
    json!({"url": url, "username": username, "password": "secret"})
}

#[tokio::test]
async fn a_registration_that_was_overwritten_opens_an_alert_until_it_is_restored() {
    let setup = Setup::new().await;
    let key = MasterKey::ephemeral().unwrap();
    setup.was_registered().await;
    setup.stores_key(&key).await;
    let mut watch = Watch::of(&setup.database.database).await;
    compared(&setup, &key, json!([entry(URL, "key")])).await;
    assert_eq!(watch.after(Duration::ZERO).await.opened, 0);

    compared(&setup, &key, json!([])).await;
    assert_eq!(watch.now().await.opened, 1);
    let id = watch.the(AlertKind::RegistrationDrift).await.id;
    for list in [json!([entry(URL, "another")]), json!([entry("https://elsewhere.test/hook", "key")])] {
        compared(&setup, &key, list).await;
        assert_eq!(watch.now().await.updated, 1);
    }
    let text = watch.acknowledge(AlertKind::RegistrationDrift, AlertSeverity::Page).await;
    assert_eq!(text.scope.as_deref(), Some("endpoint main"));
    assert!(text.meaning.ends_with("as it should: moved."), "{text:?}");

    compared(&setup, &key, json!([entry(URL, "key")])).await;
    assert_eq!(watch.now().await.resolved, 1);
    watch.is_resolved(id).await;
}

#[tokio::test]
async fn a_command_that_repairs_a_registration_resolves_the_alert_before_the_next_reconciliation() {
    let setup = Setup::new().await;
    let key = MasterKey::ephemeral().unwrap();
    setup.was_registered().await;
    setup.stores_key(&key).await;
    let mut watch = Watch::of(&setup.database.database).await;
    compared(&setup, &key, json!([])).await;
    assert_eq!(watch.after(Duration::ZERO).await.opened, 1);
    let id = watch.the(AlertKind::RegistrationDrift).await.id;
    let endpoints = Endpoints::open(pool_of(&setup.database.database, "eqp_runtime"), key).await.unwrap();
    let mut registrations = Registrations::new(client_of(setup.simulator()), endpoints);
    let plan = registrations.observe().await.unwrap().add(&NewRegistration::new("main")).unwrap();
    registrations.apply(&plan, Confirmation::given()).await.unwrap();
    assert_eq!(watch.now().await.resolved, 1);
    watch.is_resolved(id).await;
}
