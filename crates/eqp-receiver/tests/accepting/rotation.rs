//! One credential takes the place of another, and no good callback is refused meanwhile.

use std::time::Duration;

use eqp_receiver::{CredentialId, CredentialState, CredentialSummary, Endpoints, Issued, IssuedCredential};
use eqp_types::{Environment, MageId};
use time::OffsetDateTime;

use crate::scene::{PATH, RIGHT, STATUS, Scene, until};
use crate::sender::basic;

/// Far longer than a test.
const GRACE: Duration = Duration::from_hours(1);

/// A credential that was replaced, and the one in its place.
struct Rotation {
    scene: Scene,
    old: CredentialId,
    new: IssuedCredential,
}

impl Rotation {
    /// The scene's credential is replaced; every receiver knows.
    async fn begin() -> Self {
        let scene = Scene::new().await;
        let old = credentials(&scene).await[0].id;
        let new = scene.endpoints.issue_credential(scene.endpoint).await.unwrap();
        scene.endpoints.activate_with_grace(new.id, GRACE).await.unwrap();
        let change = scene.endpoints.generation().await.unwrap();
        until("the receiver has shown that it lives, and has loaded it", || async {
            scene.endpoints.wait_until_loaded(change, Duration::from_secs(30)).await.unwrap() == 1
        })
        .await;
        Self { scene, old, new }
    }

    async fn send_old(&self) -> u16 {
        self.scene.sender.post(PATH, RIGHT, STATUS).await.status
    }

    async fn send_new(&self) -> u16 {
        let right = basic(&self.new.username, self.new.password.expose());
        self.scene.sender.post(PATH, &[&right], STATUS).await.status
    }

    async fn old(&self) -> CredentialSummary {
        credentials(&self.scene).await.into_iter().find(|one| one.id == self.old).unwrap()
    }

    async fn new_one(&self) -> CredentialSummary {
        credentials(&self.scene).await.into_iter().find(|one| one.id == self.new.id).unwrap()
    }

    /// The grace of the old one ends now.
    async fn end_grace(&self) {
        self.scene.execute("update eqp.credential set retire_at = now() where state = 'retiring'").await;
    }
}

async fn credentials(scene: &Scene) -> Vec<CredentialSummary> {
    let endpoints = scene.endpoints.list().await.unwrap();
    endpoints.into_iter().find(|endpoint| endpoint.id == scene.endpoint).unwrap().credentials
}

#[tokio::test]
async fn a_replaced_credential_is_refused_a_grace_after_the_new_one_was_seen() {
    let rotation = Rotation::begin().await;
    assert_eq!(rotation.send_old().await, 200);
    assert_eq!(rotation.old().await.retire_at, None, "the new one was not seen yet");
    assert_eq!(rotation.send_new().await, 200);
    until("the end of the old one is known", || async { rotation.old().await.retire_at.is_some() }).await;
    assert_eq!(rotation.old().await.retire_at, rotation.new_one().await.first_used_at.map(|seen| seen + GRACE));
    assert_eq!(rotation.send_old().await, 200, "a callback that was long on its way");

    assert_eq!(rotation.send_new().await, 200);
    until("the new one was used last", || async {
        rotation.new_one().await.last_used_at > rotation.old().await.last_used_at
    })
    .await;
    rotation.end_grace().await;
    until("it is refused", || async { rotation.send_old().await == 401 }).await;
    assert_eq!(rotation.send_new().await, 200);
    let left: Vec<_> = credentials(&rotation.scene).await.into_iter().map(|one| (one.id, one.state)).collect();
    assert_eq!(left, [(rotation.new.id, CredentialState::Live)]);
    let url = "https://callbacks.example.com/callbacks/main";
    assert!(matches!(rotation.scene.endpoints.issued(url, "key").await.unwrap(), Issued::Forgotten));
    rotation.scene.stop().await;
}

#[tokio::test]
async fn a_replaced_credential_that_somebody_put_back_in_force_is_not_refused() {
    let rotation = Rotation::begin().await;
    assert_eq!(rotation.send_new().await, 200);
    until("the end of the old one is known", || async { rotation.old().await.retire_at.is_some() }).await;
    assert_eq!(rotation.send_old().await, 200, "the list was put back");
    until("its use is known", || async { rotation.old().await.last_used_at > rotation.new_one().await.last_used_at })
        .await;
    rotation.end_grace().await;
    let soon = OffsetDateTime::now_utc() + GRACE / 2;
    until("it is taken for another grace", || async { rotation.old().await.retire_at.is_some_and(|at| at > soon) })
        .await;
    assert_eq!(rotation.send_old().await, 200);

    // The list is put right: the old one waits anew for the new one to be seen.
    rotation.scene.endpoints.activate_with_grace(rotation.new.id, GRACE).await.unwrap();
    assert_eq!(rotation.old().await.retire_at, None);
    assert_eq!(rotation.send_new().await, 200);
    until("its end is known", || async { rotation.old().await.retire_at.is_some_and(|at| at > soon) }).await;
    rotation.scene.stop().await;
}

#[tokio::test]
async fn a_credential_without_a_successor_is_taken_for_its_grace_only() {
    let scene = Scene::new().await;
    let only = credentials(&scene).await[0].id;
    scene.endpoints.retire_after(only, GRACE).await.unwrap();
    assert_eq!(scene.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    scene.endpoints.retire_after(only, Duration::ZERO).await.unwrap();
    until("it is refused", || async { scene.sender.post(PATH, RIGHT, STATUS).await.status == 401 }).await;
    assert!(scene.endpoints.retire_after(only, GRACE).await.is_err(), "there is no way back");
    scene.stop().await;
}

#[tokio::test]
async fn registrations_of_an_account_are_changed_by_one_at_a_time() {
    let scene = Scene::new().await;
    let account = |id: &str| MageId::new(id).unwrap();
    let lock = async |endpoints: &Endpoints, environment, id: &str| {
        endpoints.try_lock_registrations(environment, &account(id)).await.unwrap()
    };
    let mut held = lock(&scene.endpoints, Environment::Sandbox, "MAG1").await.unwrap();
    assert!(lock(&scene.endpoints, Environment::Sandbox, "MAG1").await.is_none());
    assert!(lock(&scene.endpoints, Environment::Production, "MAG1").await.is_some(), "another account");
    assert!(lock(&scene.endpoints, Environment::Sandbox, "MAG2").await.is_some(), "another account");
    held.check().await.unwrap();
    scene
        .execute(
            "select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database
             where locktype = 'advisory' and datname = current_database()",
        )
        .await;
    assert!(held.check().await.is_err(), "its connection is gone, and somebody else may hold it");
    drop(held);
    until("it is free again", || async {
        scene.endpoints.try_lock_registrations(Environment::Sandbox, &account("MAG1")).await.unwrap().is_some()
    })
    .await;
    scene.stop().await;
}
