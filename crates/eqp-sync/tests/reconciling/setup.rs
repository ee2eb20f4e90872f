//! A simulated Marketplace of one account, and a database that is compared with it.

use std::collections::BTreeMap;
use std::time::Duration;

use eqp_simulator::{Script, Simulator, SimulatorBuilder, Step, Timing};
use eqp_store::internal::AccessKeys;
use eqp_store::{AccountId, Event, MasterKey};
use eqp_sync::{Difference, ReconcileError, ReconcileReport, ReconcileScope, Reconciler};
use eqp_test_support::callbacks::CallbackDatabase;
use eqp_test_support::marketplace::{CallbackRecorder, TestMarketplace, client_of};
use eqp_types::{ApiKey, MageId, Secret, SubmissionId};
use tokio_util::sync::CancellationToken;

pub(crate) struct Setup {
    pub(crate) marketplace: TestMarketplace,
    pub(crate) database: CallbackDatabase,
}

/// A simulator whose scans take no time and whose reviews wait for the test.
pub(crate) fn builder() -> SimulatorBuilder {
    let mut timing = Timing::default();
    timing.scan = Duration::ZERO;
    Simulator::builder().script(Script::new().timing(timing))
}

impl Setup {
    pub(crate) async fn new() -> Self {
        Self::of(builder()).await
    }

    pub(crate) async fn of(builder: SimulatorBuilder) -> Self {
        // The account of the database.
        let mage_id = MageId::new("MAG123456789").unwrap();
        let key = ApiKey { application_id: "app".to_owned(), application_secret: Secret::new("hush") };
        let marketplace = TestMarketplace::of(builder.account(mage_id, key)).await;
        Self { marketplace, database: CallbackDatabase::new().await }
    }

    pub(crate) fn simulator(&self) -> &Simulator {
        &self.marketplace.simulator
    }

    /// Records that the endpoint was registered an hour ago, so that everything from now on is expected to be reported.
    pub(crate) async fn was_registered(&self) {
        sqlx::query(
            "insert into eqp.credential (endpoint_id, username, password_hmac, state, active_since)
             select id, 'key', decode(repeat('00', 32), 'hex'), 'active', now() - interval '1 hour' from eqp.endpoint",
        )
        .execute(&self.database.pool)
        .await
        .unwrap();
    }

    /// Registers a target that records the callbacks which the receiver never gets.
    pub(crate) async fn records_callbacks(&self) -> CallbackRecorder {
        let recorder = CallbackRecorder::start();
        self.marketplace.register(&[&recorder]).await;
        recorder
    }

    /// Waits until the simulator has reported the current status of every submission, and stores the callbacks as a receiver would.
    pub(crate) async fn callbacks_arrive(&self, recorder: &CallbackRecorder) {
        let is_reported = |(id, status): (String, String)| {
            recorder.received().iter().any(|(_, body)| {
                let info = &body["update_info"];
                let status_of = |flow: &str| info["eqp_status"][flow].as_str().unwrap_or_default().to_owned();
                info["submission_id"] == *id && ["overall", "technical", "marketing"].map(status_of).join("/") == status
            })
        };
        let arriving = async {
            while !self.current().into_iter().all(is_reported) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), arriving).await.expect("the callbacks are sent");
        for (_, body) in recorder.received() {
            self.database.callback(body.to_string()).await;
        }
        self.database.project().await;
    }

    /// Submits a package for both reviews.
    pub(crate) async fn submits(&self, name: &str) -> SubmissionId {
        let package = self.marketplace.complete_package(name, &format!("{name}-1.2.0.zip")).await;
        SubmissionId::new(self.marketplace.create(package).await).unwrap()
    }

    pub(crate) fn step(&self, submission: &SubmissionId, step: Step) {
        self.simulator().step(submission, step).unwrap();
    }

    pub(crate) fn reconciler(&self) -> Reconciler {
        Reconciler::new(client_of(self.simulator()), self.database.pool.clone())
    }

    pub(crate) async fn try_run(&self, scope: &ReconcileScope) -> Result<ReconcileReport, ReconcileError> {
        self.reconciler().run(scope, &CancellationToken::new(), &mut |_| {}).await
    }

    /// Reconciles, and projects what was stored.
    pub(crate) async fn run(&self, scope: &ReconcileScope) -> (ReconcileReport, Vec<Difference>) {
        let mut differences = Vec::new();
        let mut collect = |difference| differences.push(difference);
        let report = self.reconciler().run(scope, &CancellationToken::new(), &mut collect).await.unwrap();
        self.database.project().await;
        (report, differences)
    }

    /// Returns the statuses in the tracks, as `overall/technical/marketing` of each submission.
    pub(crate) async fn known(&self) -> BTreeMap<String, String> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("select submission_id, concat_ws('/', overall, technical, marketing) from eqp.v_submission")
                .fetch_all(&self.database.pool)
                .await
                .unwrap();
        rows.into_iter().collect()
    }

    /// Returns the statuses at the Marketplace.
    pub(crate) fn current(&self) -> BTreeMap<String, String> {
        let snapshot = self.simulator().snapshot();
        let packages = snapshot.accounts.iter().flat_map(|account| &account.packages);
        packages.map(|package| (package.submission_id.to_string(), package.status.to_string())).collect()
    }

    /// Returns the number of events with each origin.
    pub(crate) fn origins(events: &[Event]) -> BTreeMap<String, usize> {
        let mut origins = BTreeMap::new();
        for event in events {
            *origins.entry(event.origin.to_string()).or_default() += 1;
        }
        origins
    }

    /// Stores the account's access key, as `eqp accounts add` does.
    pub(crate) async fn stores_key(&self, key: &MasterKey) -> AccountId {
        self.stores_key_of(key, client_of(self.simulator()).api_url().as_str()).await
    }

    /// Stores the account's access key as one that this API has accepted.
    pub(crate) async fn stores_key_of(&self, key: &MasterKey, api_url: &str) -> AccountId {
        let id = sqlx::query_scalar("select id from eqp.account").fetch_one(&self.database.pool).await.unwrap();
        let keys = AccessKeys::open(self.database.pool.clone(), key.clone()).await.unwrap();
        let ApiKey { application_id, application_secret } = self.simulator().api_key();
        keys.store(AccountId(id), application_id, api_url, Some(application_secret)).await.unwrap();
        AccountId(id)
    }

    /// Returns how the last run ended: its kind, and its error.
    pub(crate) async fn last_run(&self) -> Option<(String, Option<String>)> {
        sqlx::query_as(
            "select kind, error from eqp.reconcile_run where finished_at is not null order by id desc limit 1",
        )
        .fetch_optional(&self.database.pool)
        .await
        .unwrap()
    }
}
