//! Changes of credentials reach every receiver, and whoever made one knows when.

use std::net::Ipv4Addr;
use std::time::Duration;

use eqp_receiver::{CancellationToken, CredentialSummary, Error, Receiver};
use eqp_test_support::{Proxy, TestDatabase, Weather};
use eqp_types::Secret;

use crate::scene::{PATH, RIGHT, STATUS, Scene, until};
use crate::sender::basic;

/// More than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Retires the scene's credential and waits until it is refused. How soon that is depends on the machine.
async fn retire_and_try(scene: &Scene) {
    assert_eq!(scene.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    let credential = credentials(scene).await[0].id;
    scene.endpoints.retire_credential(credential).await.unwrap();
    until("it is refused", || async { scene.sender.post(PATH, RIGHT, STATUS).await.status == 401 }).await;
}

async fn credentials(scene: &Scene) -> Vec<CredentialSummary> {
    let endpoints = scene.endpoints.list().await.unwrap();
    endpoints.into_iter().find(|endpoint| endpoint.id == scene.endpoint).unwrap().credentials
}

async fn receivers(scene: &Scene) -> i64 {
    sqlx::query_scalar("select count(*) from eqp.receiver").fetch_one(&scene.database.pool).await.unwrap()
}

#[tokio::test]
async fn a_retired_credential_is_refused_without_a_restart() {
    let scene = Scene::new().await;
    retire_and_try(&scene).await;
    scene.stop().await;
}

#[tokio::test]
async fn a_retired_credential_is_refused_also_where_notifications_do_not_come_through() {
    let scene = Scene::new().await;
    scene
        .execute(
            "create or replace function eqp.credentials_changed() returns trigger language plpgsql as $$
             begin update eqp.instance set credential_generation = credential_generation + 1; return null; end $$",
        )
        .await;
    retire_and_try(&scene).await;
    scene.stop().await;
}

#[tokio::test]
async fn a_change_made_by_hand_counts_too() {
    let scene = Scene::new().await;
    let before = scene.endpoints.generation().await.unwrap();
    scene.execute("update eqp.credential set state = 'retired'").await;
    assert!(scene.endpoints.generation().await.unwrap() > before);
    until("it is refused", || async { scene.sender.post(PATH, RIGHT, STATUS).await.status == 401 }).await;
    scene.stop().await;
}

#[tokio::test]
async fn credentials_stay_in_force_while_the_database_is_away_and_changes_arrive_when_it_is_back() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::before(database.options.clone()).await;
    let scene = Scene::on(database, proxy.options(), |builder| builder).await;
    until("it has shown that it lives", || async { receivers(&scene).await == 1 }).await;
    proxy.turn(Weather::Cut);
    scene.is_ready(false).await;
    let issued = scene.endpoints.issue_credential(scene.endpoint).await.unwrap();
    let new = basic(&issued.username, issued.password.expose());
    assert_eq!(scene.sender.post(PATH, RIGHT, STATUS).await.status, 503, "known, and only not stored");
    assert_eq!(scene.sender.post(PATH, &[&basic("key", "wrong")], STATUS).await.status, 401);
    assert_eq!(scene.sender.post(PATH, &[&new], STATUS).await.status, 401, "not known yet");
    proxy.turn(Weather::Fair);
    let change = scene.endpoints.generation().await.unwrap();
    assert_eq!(scene.endpoints.wait_until_loaded(change, PATIENCE).await.unwrap(), 1);
    scene.is_ready(true).await;
    assert_eq!(scene.sender.post(PATH, &[&new], STATUS).await.status, 200);
    scene.stop().await;
}

#[tokio::test]
async fn a_change_waits_for_every_receiver_that_lives_and_for_no_dead_one() {
    let scene = Scene::new().await;
    let beside = Receiver::builder(scene.database.options.clone())
        .master_key(scene.key.clone())
        .listen((Ipv4Addr::LOCALHOST, 0).into());
    let shutdown = CancellationToken::new();
    let beside = tokio::spawn(beside.build().await.unwrap().run(shutdown.clone()));
    until("both are there", || async { receivers(&scene).await == 2 }).await;
    scene.execute("insert into eqp.receiver values (gen_random_uuid(), now() - interval '11 seconds', 0)").await;

    scene.endpoints.issue_credential(scene.endpoint).await.unwrap();
    let change = scene.endpoints.generation().await.unwrap();
    assert_eq!(scene.endpoints.wait_until_loaded(change, PATIENCE).await.unwrap(), 2);

    // One that lives and loads nothing, as a frozen one looks at first.
    scene.execute("insert into eqp.receiver values (gen_random_uuid(), now() + interval '1 hour', 0)").await;
    let error = scene.endpoints.wait_until_loaded(change, Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, Error::NotLoaded { receivers: 1 }) && error.is_retryable(), "{error}");

    shutdown.cancel();
    beside.await.unwrap().unwrap();
    assert_eq!(receivers(&scene).await, 3, "the one that ended has taken leave");
    let pool = scene.database.pool.clone();
    scene.execute("delete from eqp.receiver where credential_generation = 0").await;
    let database = scene.stop_and_keep().await;
    let left: i64 = sqlx::query_scalar("select count(*) from eqp.receiver").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0);
    drop(database);
}

#[tokio::test]
async fn the_use_of_a_credential_is_recorded() {
    let scene = Scene::new().await;
    let second = scene.endpoints.import_credential(scene.endpoint, "second", &Secret::new("pass")).await.unwrap();
    let used = || async {
        let credentials = credentials(&scene).await;
        let first = credentials.iter().find(|credential| credential.id != second).unwrap().clone();
        let second = credentials.iter().find(|credential| credential.id == second).unwrap().clone();
        (first, second)
    };
    let arrival = |credential: &CredentialSummary| credential.first_used_at.zip(credential.last_used_at);

    scene.sender.post(PATH, RIGHT, STATUS).await;
    until("the first use is recorded", || async { arrival(&used().await.0).is_some() }).await;
    let (first, unused) = used().await;
    assert_eq!((first.first_used_at, arrival(&unused)), (first.last_used_at, None));
    scene.sender.post(PATH, RIGHT, STATUS).await;
    until("the last use has moved", || async { used().await.0.last_used_at > first.last_used_at }).await;
    assert_eq!(used().await.0.first_used_at, first.first_used_at);
    scene.sender.post(PATH, &[&basic("second", "wrong")], STATUS).await;
    scene.sender.post(PATH, RIGHT, STATUS).await;
    let last = used().await.0.last_used_at;
    until("a later use is recorded", || async { used().await.0.last_used_at > last }).await;
    assert_eq!(arrival(&used().await.1), None, "a wrong password is no use");
    scene.stop().await;
}
