//! Reconciling: finds changes whose callback never arrived, and statuses that are wrong or in doubt after the callbacks,
//! by reading the Marketplace's API.
//!
//! 1. A page of packages, or a file, is read, together with the tracks of these resources.
//! 2. A pure function compares them (`difference.rs`).
//! 3. Each response that differs is stored unchanged, and queued for the projector like a callback. A dry run omits this step.
//!
//! Only one run of an account is active at a time, in all processes. If a run fails or is interrupted, nothing is lost: the responses that it
//! has stored are projected, and the next run reads the rest.

mod account_run;
mod baseline;
mod call;
mod connector;
mod difference;
mod error;
mod findings;
mod page_walk;
mod position;
mod registration_check;
mod report;
mod response;
mod run;
mod schedule;
mod scope;
mod service;
mod storage;

use eqp_client::Client;
use eqp_store::AccountId;
use eqp_store::sqlx::PgPool;
use eqp_types::{MageId, Timestamp};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

pub use connector::{ConfiguredKey, Connect};
pub use difference::{Difference, DifferenceReason, StatusDifference};
pub use error::ReconcileError;
pub use findings::tool_in_words;
pub use page_walk::PagingError;
pub use report::{ReconcileKind, ReconcileReport};
pub use schedule::ReconcileIntervals;
pub use scope::{ReconcileScope, ReconcileTarget};
pub use service::ReconcileService;

use self::baseline::Baseline;
use self::error::Result;
use self::findings::Budget;
use self::position::read_until;
use self::run::{OnDifference, Run};
use self::storage::Storage;

/// Compares one account with the Marketplace.
///
/// ```no_run
/// use eqp_sync::{ReconcileScope, Reconciler};
///
/// # async fn example(
/// #     client: eqp_client::Client,
/// #     pool: eqp_store::sqlx::PgPool,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let reconciler = Reconciler::new(client, pool);
/// let report = reconciler
///     .observe(&ReconcileScope::Full, &mut |difference| println!("{} differs", difference.resource_id))
///     .await?;
/// println!("{} of {} submissions differ", report.differences, report.submissions);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Reconciler {
    client: Client,
    pool: PgPool,
    /// The account that the client's access key must be of.
    expected: Option<MageId>,
}

impl Reconciler {
    /// Uses the account of `client`, and a database with the tables of this version.
    pub fn new(client: Client, pool: PgPool) -> Self {
        Self { client, pool, expected: None }
    }

    /// Requires that the client's access key is that of this account. Otherwise, a run fails with
    /// [`ReconcileError::OtherAccount`] before it reads or stores anything.
    #[must_use]
    pub fn expecting(mut self, mage_id: MageId) -> Self {
        self.expected = Some(mage_id);
        self
    }

    /// Returns the account of the client's access key.
    pub(in crate::reconcile) async fn account(&self) -> Result<MageId> {
        let answered = self.client.session().await?.mage_id;
        match &self.expected {
            Some(asked) if *asked != answered => Err(ReconcileError::OtherAccount {
                asked: asked.clone(),
                answered,
                environment: self.client.environment(),
            }),
            _ => Ok(answered),
        }
    }

    /// Reads and compares, and stores nothing. Calls `on_difference` for each submission or file that differs, as soon as it is found.
    ///
    /// # Errors
    /// - [`ReconcileError::Marketplace`], [`ReconcileError::TimedOut`] or [`ReconcileError::Paging`] if the API cannot be read.
    /// - [`ReconcileError::Store`] if the database fails.
    pub async fn observe(&self, scope: &ReconcileScope, on_difference: OnDifference<'_>) -> Result<ReconcileReport> {
        let mage_id = self.account().await?;
        let environment = self.client.environment();
        let account = storage::find_account(&self.pool, environment, &mage_id).await?;
        let storage = Storage { pool: self.pool.clone(), account };
        let plan = Plan::of(&storage, scope).await?;
        let report = ReconcileReport::new(environment, mage_id, plan.kind, OffsetDateTime::now_utc());
        let mut run = Run {
            client: &self.client,
            storage: &storage,
            baseline: plan.baseline,
            id: None,
            report,
            on_difference,
            budget: Budget::default(),
        };
        plan.carry_out(&mut run).await?;
        run.report.finished_at = OffsetDateTime::now_utc();
        Ok(run.report)
    }

    /// Reads and compares, and stores each response that differs for the projector. Calls `on_difference` for each submission or file that
    /// differs. The account is created if the database does not have it yet.
    ///
    /// # Errors
    /// - [`ReconcileError::AlreadyRunning`] if another process reconciles this account now.
    /// - [`ReconcileError::Interrupted`] if `shutdown` was cancelled.
    /// - [`ReconcileError::Marketplace`], [`ReconcileError::TimedOut`] or [`ReconcileError::Paging`] if the API cannot be read.
    /// - [`ReconcileError::Store`] if the database fails.
    ///
    /// In all cases, responses that were stored before remain stored, and the next run reads the rest.
    pub async fn run(
        &self,
        scope: &ReconcileScope,
        shutdown: &CancellationToken,
        on_difference: OnDifference<'_>,
    ) -> Result<ReconcileReport> {
        let starting = shutdown.run_until_cancelled(async {
            let mage_id = self.account().await?;
            let account = storage::ensure_account(&self.pool, self.client.environment(), &mage_id).await?;
            Ok::<_, ReconcileError>((mage_id, account))
        });
        let (mage_id, account) = starting.await.ok_or(ReconcileError::Interrupted)??;
        self.run_as(account, mage_id, scope, shutdown, on_difference).await
    }

    async fn run_as(
        &self,
        account: AccountId,
        mage_id: MageId,
        scope: &ReconcileScope,
        shutdown: &CancellationToken,
        on_difference: OnDifference<'_>,
    ) -> Result<ReconcileReport> {
        let storage = Storage { pool: self.pool.clone(), account: Some(account) };
        let plan = Plan::of(&storage, scope).await?;
        let id = storage.begin(plan.kind).await?.ok_or(ReconcileError::AlreadyRunning)?;
        let report = ReconcileReport::new(self.client.environment(), mage_id, plan.kind, OffsetDateTime::now_utc());
        let mut run = Run {
            client: &self.client,
            storage: &storage,
            baseline: plan.baseline,
            id: Some(id),
            report,
            on_difference,
            budget: Budget::default(),
        };
        let ended = shutdown.run_until_cancelled(plan.carry_out(&mut run)).await;
        let ended = ended.unwrap_or(Err(ReconcileError::Interrupted));
        let mut report = run.report;
        report.finished_at = OffsetDateTime::now_utc();
        let newest = ended.as_ref().ok().copied().flatten();
        let recorded = storage.finish(id, &report, newest, ended.as_ref().err()).await;
        ended?;
        recorded?;
        Ok(report)
    }
}

/// The plan of a run: the packages and files to read, and how far to go back.
struct Plan<'a> {
    scope: &'a ReconcileScope,
    kind: ReconcileKind,
    /// The newest change of the last run.
    position: Option<OffsetDateTime>,
    baseline: Baseline,
}

impl<'a> Plan<'a> {
    async fn of(storage: &Storage, scope: &'a ReconcileScope) -> Result<Self> {
        let (baseline, position) = storage.position().await?;
        let kind = match scope {
            ReconcileScope::Incremental if position.is_some() => ReconcileKind::Incremental,
            ReconcileScope::Incremental | ReconcileScope::Full => ReconcileKind::Full,
            ReconcileScope::Since(_) | ReconcileScope::Selected(_) => ReconcileKind::Selected,
        };
        Ok(Self { scope, kind, position, baseline })
    }

    /// Carries the plan out. Returns the position from which the next run continues; `None` leaves it where it was.
    async fn carry_out(&self, run: &mut Run<'_>) -> Result<Option<Timestamp>> {
        let newest = match (self.scope, self.position) {
            (ReconcileScope::Incremental, Some(position)) => run.incremental(read_until(position)).await?,
            (ReconcileScope::Incremental | ReconcileScope::Full, _) => run.full().await?,
            // These may omit earlier changes, so the next incremental run must not continue from here.
            (ReconcileScope::Since(since), _) => {
                run.incremental(*since).await?;
                None
            }
            (ReconcileScope::Selected(targets), _) => {
                run.selected(targets).await?;
                None
            }
        };
        // Those that were overtaken have to be read again.
        Ok(newest.filter(|_| run.report.overtaken == 0))
    }
}
