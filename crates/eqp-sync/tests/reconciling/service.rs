//! The reconcile part of a server.

use std::sync::Arc;
use std::time::Duration;

use eqp_simulator::Step;
use eqp_store::{MasterKey, Observer};
use eqp_sync::{Connect, ReconcileService};
use eqp_test_support::marketplace::client_of;
use eqp_types::{ApiKey, Environment};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::setup::{Setup, builder};

/// How long a test waits for a condition.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service that reconciles with the simulator.
struct Serving {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Serving {
    fn start(setup: &Setup, key: MasterKey) -> Self {
        Self::observed_by(setup, key, Observer::default())
    }

    fn observed_by(setup: &Setup, key: MasterKey, observer: Observer) -> Self {
        let client = client_of(setup.simulator());
        let expected = setup.simulator().api_key().clone();
        let connect: Connect = Arc::new(move |environment: Environment, key: ApiKey| {
            assert_eq!(environment, client.environment());
            assert_eq!(key.application_secret.expose(), expected.application_secret.expose());
            Ok(client.clone())
        });
        let shutdown = CancellationToken::new();
        let service = ReconcileService::new(setup.database.pool.clone(), key, connect).observer(observer);
        Self { task: tokio::spawn(service.run(shutdown.clone())), shutdown }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

/// Projects until the tracks have the statuses of the Marketplace.
async fn is_current(setup: &Setup) {
    let becoming = async {
        while setup.known().await != setup.current() {
            setup.database.project().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, becoming).await.expect("the tracks become current");
}

#[tokio::test]
async fn accounts_with_a_key_are_reconciled_at_the_start() {
    let setup = Setup::of(builder().packages(20)).await;
    let key = MasterKey::ephemeral().unwrap();
    let serving = Serving::start(&setup, key.clone());
    // A key that is added while the server runs is used without a restart.
    setup.stores_key(&key).await;
    is_current(&setup).await;
    serving.stop().await;
    assert_eq!(setup.last_run().await, Some(("full".to_owned(), None)));

    let submission = setup.submits("badges").await;
    setup.step(&submission, Step::TechnicalQueued);
    let serving = Serving::start(&setup, key);
    is_current(&setup).await;
    serving.stop().await;
    assert_eq!(setup.last_run().await, Some(("incremental".to_owned(), None)));
}

#[tokio::test]
async fn a_panic_of_the_part_does_not_end_it() {
    let setup = Setup::of(builder().packages(2)).await;
    let key = MasterKey::ephemeral().unwrap();
    let observer = Observer::default();
    observer.supervisor().arm("reconcile");
    let serving = Serving::observed_by(&setup, key.clone(), observer.clone());
    setup.stores_key(&key).await;
    is_current(&setup).await;
    assert!(!observer.supervisor().is_armed("reconcile"), "it has panicked");
    serving.stop().await;
}

#[tokio::test]
async fn a_key_is_only_sent_to_the_api_that_accepted_it() {
    let setup = Setup::of(builder().packages(2)).await;
    let key = MasterKey::ephemeral().unwrap();
    setup.stores_key_of(&key, "https://other.example.com/").await;
    let serving = Serving::start(&setup, key.clone());
    let failing = async {
        loop {
            if let Some((_, Some(error))) = setup.last_run().await {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let error = tokio::time::timeout(PATIENCE, failing).await.expect("the failure is recorded");
    assert!(error.contains("was verified at https://other.example.com/"), "{error}");
    assert!(setup.known().await.is_empty(), "nothing was read");
    // Added again for the configured API, it is used.
    setup.stores_key(&key).await;
    is_current(&setup).await;
    serving.stop().await;
}
