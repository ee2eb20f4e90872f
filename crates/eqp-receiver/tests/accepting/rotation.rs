//! A credential is replaced without rejecting valid callbacks.

use std::time::Duration;

use eqp_store::{CredentialId, CredentialLookup, CredentialState, CredentialSummary, Endpoints, IssuedCredential};
use eqp_types::{Environment, MageId};
use time::OffsetDateTime;

use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, until};
use eqp_test_support::sender::basic;

/// Far longer than a test.
const GRACE: Duration = Duration::from_hours(1);

/// A credential that was replaced, and the one in its place.
struct Rotation {
    receiver: TestReceiver,
    old: CredentialId,
    new: IssuedCredential,
}

impl Rotation {
    /// Replaces the receiver's credential, and waits until every receiver has loaded the change.
    async fn begin() -> Self {
        let receiver = TestReceiver::new().await;
        let old = credentials(&receiver).await[0].id;
        let new = receiver.endpoints.issue_credential(receiver.endpoint).await.unwrap();
        receiver.endpoints.activate_with_grace(new.id, GRACE).await.unwrap();
        let change = receiver.endpoints.generation().await.unwrap();
        until("the receiver has shown that it lives, and has loaded it", || async {
            receiver.endpoints.wait_until_loaded(change, Duration::from_secs(30)).await.unwrap() == 1
        })
        .await;
        Self { receiver, old, new }
    }

    async fn send_old(&self) -> u16 {
        self.receiver.sender.post(PATH, RIGHT, STATUS).await.status
    }

    async fn send_new(&self) -> u16 {
        let right = basic(&self.new.username, self.new.password.expose());
        self.receiver.sender.post(PATH, &[&right], STATUS).await.status
    }

    async fn old(&self) -> CredentialSummary {
        credentials(&self.receiver).await.into_iter().find(|one| one.id == self.old).unwrap()
    }

    async fn new_one(&self) -> CredentialSummary {
        credentials(&self.receiver).await.into_iter().find(|one| one.id == self.new.id).unwrap()
    }

    /// Ends the grace period of the old one.
    async fn end_grace(&self) {
        self.receiver.execute("update eqp.credential set retire_at = now() where state = 'retiring'").await;
    }
}

async fn credentials(receiver: &TestReceiver) -> Vec<CredentialSummary> {
    let endpoints = receiver.endpoints.list().await.unwrap();
    endpoints.into_iter().find(|endpoint| endpoint.id == receiver.endpoint).unwrap().credentials
}

#[tokio::test]
async fn a_replaced_credential_is_rejected_a_grace_period_after_the_new_one_was_used() {
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
    // Nothing is sent in between: a callback with the old credential after the use of the new one would restart its
    // grace period.
    until("it is retired", || async { credentials(&rotation.receiver).await.iter().all(|one| one.id != rotation.old) })
        .await;
    until("it is refused", || async { rotation.send_old().await == 401 }).await;
    assert_eq!(rotation.send_new().await, 200);
    let left: Vec<_> = credentials(&rotation.receiver).await.into_iter().map(|one| (one.id, one.state)).collect();
    assert_eq!(left, [(rotation.new.id, CredentialState::Active)]);
    let url = "https://callbacks.example.com/callbacks/main";
    assert!(matches!(
        rotation.receiver.endpoints.look_up_credential(url, "key").await.unwrap(),
        CredentialLookup::Retired
    ));
    rotation.receiver.stop().await;
}

#[tokio::test]
async fn a_replaced_credential_that_is_in_use_again_is_not_rejected() {
    let rotation = Rotation::begin().await;
    assert_eq!(rotation.send_new().await, 200);
    until("the end of the old one is known", || async { rotation.old().await.retire_at.is_some() }).await;
    assert_eq!(rotation.send_old().await, 200, "the list was put back");
    until("its use is known", || async { rotation.old().await.last_used_at > rotation.new_one().await.last_used_at })
        .await;
    rotation.end_grace().await;
    let soon = OffsetDateTime::now_utc() + GRACE / 2;
    until("its grace period is extended", || async { rotation.old().await.retire_at.is_some_and(|at| at > soon) })
        .await;
    assert_eq!(rotation.send_old().await, 200);

    // The list is corrected: the old credential waits again until the new one is used.
    rotation.receiver.endpoints.activate_with_grace(rotation.new.id, GRACE).await.unwrap();
    assert_eq!(rotation.old().await.retire_at, None);
    assert_eq!(rotation.send_new().await, 200);
    until("its end is known", || async { rotation.old().await.retire_at.is_some_and(|at| at > soon) }).await;
    rotation.receiver.stop().await;
}

#[tokio::test]
async fn a_credential_without_a_successor_is_accepted_only_during_its_grace_period() {
    let receiver = TestReceiver::new().await;
    let only = credentials(&receiver).await[0].id;
    receiver.endpoints.retire_after(only, GRACE).await.unwrap();
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    receiver.endpoints.retire_after(only, Duration::ZERO).await.unwrap();
    until("it is refused", || async { receiver.sender.post(PATH, RIGHT, STATUS).await.status == 401 }).await;
    assert!(receiver.endpoints.retire_after(only, GRACE).await.is_err(), "there is no way back");
    receiver.stop().await;
}

#[tokio::test]
async fn registrations_of_an_account_are_changed_by_one_process_at_a_time() {
    let receiver = TestReceiver::new().await;
    let account = |id: &str| MageId::new(id).unwrap();
    let lock = async |endpoints: &Endpoints, environment, id: &str| {
        endpoints.try_lock_registrations(environment, &account(id)).await.unwrap()
    };
    let mut held = lock(&receiver.endpoints, Environment::Sandbox, "MAG1").await.unwrap();
    assert!(lock(&receiver.endpoints, Environment::Sandbox, "MAG1").await.is_none());
    assert!(lock(&receiver.endpoints, Environment::Production, "MAG1").await.is_some(), "another account");
    assert!(lock(&receiver.endpoints, Environment::Sandbox, "MAG2").await.is_some(), "another account");
    held.check().await.unwrap();
    receiver
        .execute(
            "select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database
             where locktype = 'advisory' and datname = current_database()",
        )
        .await;
    assert!(held.check().await.is_err(), "the connection is lost, and another process may hold the lock");
    drop(held);
    until("it is free again", || async {
        receiver.endpoints.try_lock_registrations(Environment::Sandbox, &account("MAG1")).await.unwrap().is_some()
    })
    .await;
    receiver.stop().await;
}
