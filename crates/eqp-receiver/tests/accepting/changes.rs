//! Changes of credentials reach every receiver, and the process that makes a change can wait for that.

use std::net::Ipv4Addr;
use std::time::Duration;

use eqp_receiver::{CancellationToken, Receiver};
use eqp_store::CredentialSummary;
use eqp_test_support::{NetworkConditions, Proxy, TestDatabase};
use eqp_types::Secret;

use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, until};
use eqp_test_support::sender::basic;

/// Longer than any wait of a test.
const PATIENCE: Duration = Duration::from_secs(30);

/// Retires the receiver's credential and waits until it is rejected, which takes longer on a slow machine.
async fn retire_and_try(receiver: &TestReceiver) {
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    let credential = credentials(receiver).await[0].id;
    receiver.endpoints.retire_credential(credential).await.unwrap();
    until("it is refused", || async { receiver.sender.post(PATH, RIGHT, STATUS).await.status == 401 }).await;
}

async fn credentials(receiver: &TestReceiver) -> Vec<CredentialSummary> {
    let endpoints = receiver.endpoints.list().await.unwrap();
    endpoints.into_iter().find(|endpoint| endpoint.id == receiver.endpoint).unwrap().credentials
}

async fn receivers(receiver: &TestReceiver) -> i64 {
    sqlx::query_scalar("select count(*) from eqp.receiver").fetch_one(&receiver.database.pool).await.unwrap()
}

#[tokio::test]
async fn a_retired_credential_is_rejected_without_a_restart() {
    let receiver = TestReceiver::new().await;
    retire_and_try(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_retired_credential_is_rejected_without_notifications() {
    let receiver = TestReceiver::new().await;
    receiver
        .execute(
            "create or replace function eqp.credentials_changed() returns trigger language plpgsql as $$
             begin update eqp.instance set credential_generation = credential_generation + 1; return null; end $$",
        )
        .await;
    retire_and_try(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_change_made_by_hand_counts_too() {
    let receiver = TestReceiver::new().await;
    let before = receiver.endpoints.generation().await.unwrap();
    receiver.execute("update eqp.credential set state = 'retired'").await;
    assert!(receiver.endpoints.generation().await.unwrap() > before);
    until("it is refused", || async { receiver.sender.post(PATH, RIGHT, STATUS).await.status == 401 }).await;
    receiver.stop().await;
}

#[tokio::test]
async fn credentials_stay_active_while_the_database_is_down_and_changes_are_loaded_afterwards() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.options.clone()).await;
    let receiver = TestReceiver::on(database, proxy.options(), |builder| builder).await;
    until("it has shown that it lives", || async { receivers(&receiver).await == 1 }).await;
    proxy.set(NetworkConditions::Cut);
    receiver.is_ready(false).await;
    let issued = receiver.endpoints.issue_credential(receiver.endpoint).await.unwrap();
    let new = basic(&issued.username, issued.password.expose());
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 503, "known, and only not stored");
    assert_eq!(receiver.sender.post(PATH, &[&basic("key", "wrong")], STATUS).await.status, 401);
    assert_eq!(receiver.sender.post(PATH, &[&new], STATUS).await.status, 401, "not known yet");
    proxy.set(NetworkConditions::Fair);
    let change = receiver.endpoints.generation().await.unwrap();
    assert_eq!(receiver.endpoints.wait_until_loaded(change, PATIENCE).await.unwrap(), 1);
    receiver.is_ready(true).await;
    assert_eq!(receiver.sender.post(PATH, &[&new], STATUS).await.status, 200);
    receiver.stop().await;
}

#[tokio::test]
async fn a_change_waits_for_every_running_receiver_and_for_no_dead_one() {
    let receiver = TestReceiver::new().await;
    let beside = Receiver::builder(receiver.database.options.clone())
        .master_key(receiver.key.clone())
        .listen((Ipv4Addr::LOCALHOST, 0).into());
    let shutdown = CancellationToken::new();
    let beside = tokio::spawn(beside.build().await.unwrap().run(shutdown.clone()));
    until("both are there", || async { receivers(&receiver).await == 2 }).await;
    receiver.execute("insert into eqp.receiver values (gen_random_uuid(), now() - interval '11 seconds', 0)").await;

    receiver.endpoints.issue_credential(receiver.endpoint).await.unwrap();
    let change = receiver.endpoints.generation().await.unwrap();
    assert_eq!(receiver.endpoints.wait_until_loaded(change, PATIENCE).await.unwrap(), 2);

    // A receiver with a heartbeat that loads nothing, as a frozen one appears at first.
    receiver.execute("insert into eqp.receiver values (gen_random_uuid(), now() + interval '1 hour', 0)").await;
    let error = receiver.endpoints.wait_until_loaded(change, Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, eqp_store::Error::NotLoaded { receivers: 1 }) && error.is_retryable(), "{error}");

    shutdown.cancel();
    beside.await.unwrap().unwrap();
    assert_eq!(receivers(&receiver).await, 3, "the receiver that ended has deregistered");
    let pool = receiver.database.pool.clone();
    receiver.execute("delete from eqp.receiver where credential_generation = 0").await;
    let database = receiver.stop_and_keep().await;
    let left: i64 = sqlx::query_scalar("select count(*) from eqp.receiver").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0);
    drop(database);
}

#[tokio::test]
async fn the_use_of_a_credential_is_recorded() {
    let receiver = TestReceiver::new().await;
    let second = receiver.endpoints.import_credential(receiver.endpoint, "second", &Secret::new("pass")).await.unwrap();
    let used = || async {
        let credentials = credentials(&receiver).await;
        let first = credentials.iter().find(|credential| credential.id != second).unwrap().clone();
        let second = credentials.iter().find(|credential| credential.id == second).unwrap().clone();
        (first, second)
    };
    let arrival = |credential: &CredentialSummary| credential.first_used_at.zip(credential.last_used_at);

    receiver.sender.post(PATH, RIGHT, STATUS).await;
    until("the first use is recorded", || async { arrival(&used().await.0).is_some() }).await;
    let (first, unused) = used().await;
    assert_eq!((first.first_used_at, arrival(&unused)), (first.last_used_at, None));
    receiver.sender.post(PATH, RIGHT, STATUS).await;
    until("the last use has moved", || async { used().await.0.last_used_at > first.last_used_at }).await;
    assert_eq!(used().await.0.first_used_at, first.first_used_at);
    receiver.sender.post(PATH, &[&basic("second", "wrong")], STATUS).await;
    receiver.sender.post(PATH, RIGHT, STATUS).await;
    let last = used().await.0.last_used_at;
    until("a later use is recorded", || async { used().await.0.last_used_at > last }).await;
    assert_eq!(arrival(&used().await.1), None, "a wrong password is no use");
    receiver.stop().await;
}
