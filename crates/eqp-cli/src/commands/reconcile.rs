//! `eqp reconcile`.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use eqp_receiver::Projector;
use eqp_store::Store;
use eqp_store::internal::pending;
use eqp_sync::{
    Difference, DifferenceReason, ReconcileError, ReconcileReport, ReconcileScope, ReconcileTarget, Reconciler,
};
use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::arguments::since;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::client::client;
use crate::compose::database::{Database, Migrate, Upgrade};
use crate::compose::reconcile::stored_clients;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, Table, counted, escaped, or_dash};
use crate::shutdown;

/// More differences than these are only counted.
const MAX_SHOWN: usize = 1_000;
/// More records that cannot be read than these are only counted.
const MAX_UNREADABLE: usize = 5;
/// The time limit for the projection of the stored responses.
const PROJECTION_DEADLINE: Duration = Duration::from_secs(10);
/// The interval at which the projection is checked.
const PROJECTION_INTERVAL: Duration = Duration::from_millis(100);
/// The time limit for another run of the account. A server's incremental run takes seconds.
const OTHER_RUN_DEADLINE: Duration = Duration::from_mins(1);
/// The interval at which another run is checked.
const OTHER_RUN_INTERVAL: Duration = Duration::from_secs(1);

/// Compare an account with the Marketplace, and store unreported changes
///
/// Reads the packages that have changed since the last run and the files whose scan has not ended. Compares them with
/// the submissions and files in the database, and stores each response that differs. Stored responses become events,
/// like callbacks. The first run of an account reads everything. `eqp serve` does this automatically for accounts that
/// were added with `eqp accounts add`; this command also works without a server. It uses the configured access key or,
/// if none is configured, the keys of the added accounts.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp reconcile --dry-run                    # show what differs
  eqp reconcile --full --json
  eqp reconcile s5w9k703ru acme/checkout     # these only
  eqp reconcile --exit-code --quiet          # exits with 8 on differences")]
pub(crate) struct Reconcile {
    /// Submission IDs and SKUs to read [default: everything that has changed]
    #[arg(value_name = "SUBMISSION|SKU")]
    targets: Vec<ReconcileTarget>,
    /// Read everything that has changed since this UTC time or age (such as 7d)
    #[arg(long, value_name = "TIME", value_parser = since, conflicts_with = "targets")]
    since: Option<OffsetDateTime>,
    /// Read everything
    #[arg(long, conflicts_with_all = ["targets", "since"])]
    full: bool,
    /// Show what differs, and store nothing
    #[arg(long)]
    dry_run: bool,
    /// Exit with code 8 if something differed
    #[arg(long)]
    exit_code: bool,
}

/// The result for one account.
struct Compared {
    report: ReconcileReport,
    /// The first differences.
    differences: Vec<Difference>,
}

/// The result for one account as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ComparedAccount<'a> {
    #[serde(flatten)]
    report: &'a ReconcileReport,
    /// Whether nothing was stored.
    dry_run: bool,
    /// The first 1,000 differences.
    found: &'a [Difference],
}

/// The differences of a dry run.
struct ReconcilePlan {
    /// In a dry run only: finding them is the work itself.
    preview: Option<Compared>,
}

impl Plan for ReconcilePlan {
    fn show(self, output: Output) -> Result {
        show(output, &self.preview.expect("a dry run has a preview"), true)
    }

    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Compares one account with the Marketplace.
struct Reconciliation<'a> {
    reconciler: Reconciler,
    scope: &'a ReconcileScope,
    stop: &'a CancellationToken,
    output: Output,
    dry_run: bool,
    /// The number of differences, for the exit code.
    found: &'a mut u64,
    /// The targets that the Marketplace does not have.
    not_found: &'a mut Vec<String>,
}

impl Reconciliation<'_> {
    fn compared(&mut self, report: ReconcileReport, differences: Vec<Difference>) -> Compared {
        *self.found += report.differences;
        self.not_found.extend(report.not_found.iter().cloned());
        Compared { report, differences }
    }
}

impl Change for Reconciliation<'_> {
    type Plan = ReconcilePlan;
    type Applied = Compared;

    async fn observe(&mut self) -> Result<ReconcilePlan> {
        if !self.dry_run {
            return Ok(ReconcilePlan { preview: None });
        }
        let mut differences = Vec::new();
        let mut collect = collect(&mut differences);
        let observing = self.stop.run_until_cancelled(self.reconciler.observe(self.scope, &mut collect));
        let report = observing.await.ok_or_else(Failure::interrupted)??;
        drop(collect);
        Ok(ReconcilePlan { preview: Some(self.compared(report, differences)) })
    }

    async fn apply(mut self, _: ReconcilePlan, _: Confirmation) -> Result<Compared> {
        let mut differences = Vec::new();
        let report = self.run_after_others(&mut differences).await?;
        Ok(self.compared(report, differences))
    }
}

impl Reconciliation<'_> {
    /// Reconciles the account. If another process reconciles it now, such as a server at its interval, waits until that run has ended.
    async fn run_after_others(&self, differences: &mut Vec<Difference>) -> Result<ReconcileReport, ReconcileError> {
        let deadline = Instant::now() + OTHER_RUN_DEADLINE;
        let mut has_said = false;
        loop {
            match self.reconciler.run(self.scope, self.stop, &mut collect(differences)).await {
                Err(ReconcileError::AlreadyRunning) if Instant::now() < deadline => {}
                ended => return ended,
            }
            if !has_said {
                self.output.note("waiting: another process is reconciling this account");
                has_said = true;
            }
            let waiting = self.stop.run_until_cancelled(sleep(OTHER_RUN_INTERVAL));
            waiting.await.ok_or(ReconcileError::Interrupted)?;
        }
    }
}

fn collect(differences: &mut Vec<Difference>) -> impl FnMut(Difference) + Send {
    |difference| {
        if differences.len() < MAX_SHOWN {
            differences.push(difference);
        }
    }
}

impl Reconcile {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let stop = shutdown::requested();
        let scope = match (self.since, self.full) {
            (Some(since), _) => ReconcileScope::Since(since),
            (None, true) => ReconcileScope::Full,
            (None, false) if self.targets.is_empty() => ReconcileScope::Incremental,
            (None, false) => ReconcileScope::Selected(self.targets.clone()),
        };
        let database = if self.dry_run {
            Database::open_existing(context, Upgrade::No).await?
        } else {
            Database::open(context, Migrate::WhenEmpty).await?
        };
        let reconciled = self.reconcile(context, &database, &scope, &stop).await;
        database.close().await?;
        let (found, not_found) = reconciled?;
        if !not_found.is_empty() {
            return Err(Failure::new(Exit::NotFound, format!("the Marketplace has no {}", not_found.join(", ")))
                .next("eqp packages list shows the submissions of the account"));
        }
        if self.exit_code && found > 0 {
            return Err(Failure::new(Exit::OutOfStep, "the database and the Marketplace differ").already_reported());
        }
        Ok(())
    }

    /// Reconciles each account. Returns the number of differences, and the targets that were not found.
    async fn reconcile(
        &self,
        context: &Context,
        database: &Database,
        scope: &ReconcileScope,
        stop: &CancellationToken,
    ) -> Result<(u64, Vec<String>)> {
        if !self.dry_run {
            Store::new(database.pool().clone()).check().await?;
        }
        let (mut found, mut not_found, mut stored) = (0, Vec::new(), 0);
        for reconciler in reconcilers(context, database).await? {
            let reconciliation = Reconciliation {
                reconciler,
                scope,
                stop,
                output: context.output,
                dry_run: self.dry_run,
                found: &mut found,
                not_found: &mut not_found,
            };
            if let Some(compared) = change::run(context, reconciliation, self.dry_run).await? {
                show(context.output, &compared, false)?;
                stored += compared.report.stored;
            }
        }
        if stored > 0 && !is_projected(database).await? {
            context.output.note("the stored responses will become events when `eqp serve` with the role project runs");
        }
        Ok((found, not_found))
    }
}

/// Returns a reconciler with the configured access key, or one for each account with a stored key if no key is configured.
async fn reconcilers(context: &Context, database: &Database) -> Result<Vec<Reconciler>> {
    let options = &context.settings.marketplace;
    let with = |client| Reconciler::new(client, database.pool().clone());
    if options.has_key() {
        return Ok(vec![with(client(options)?)]);
    }
    let clients = stored_clients(context, database).await?;
    if clients.is_empty() {
        // Says which key is missing, and how to configure it.
        return client(options).map(|client| vec![with(client)]);
    }
    Ok(clients.into_iter().map(|(mage_id, client)| with(client).expecting(mage_id)).collect())
}

/// Projects the stored responses, unless a server does. Returns whether everything is projected.
async fn is_projected(database: &Database) -> Result<bool> {
    let projector = Projector::new(database.pool().clone(), Arc::default());
    let deadline = Instant::now() + PROJECTION_DEADLINE;
    loop {
        projector.drain().await?;
        if !pending::is_any(database.pool()).await.map_err(eqp_store::Error::from)? {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(PROJECTION_INTERVAL).await;
    }
}

fn show(output: Output, compared: &Compared, dry_run: bool) -> Result {
    let Compared { report, differences } = compared;
    if output.is_json() {
        return output.json(&ComparedAccount { report, dry_run, found: differences });
    }
    if !differences.is_empty() {
        output.line(table(differences))?;
        let more = report.differences.saturating_sub(differences.len() as u64);
        if more > 0 {
            output.line(format_args!("… and {more} more"))?;
        }
    }
    let ReconcileReport { environment, mage_id, submissions, files, baseline, overtaken, .. } = report;
    let differ = match report.differences {
        0 => "nothing differs".to_owned(),
        1 => "1 differs".to_owned(),
        some => format!("{some} differ"),
    };
    output.line(format_args!(
        "{mage_id} ({environment}): {} and {} read, {differ}",
        counted(*submissions, "submission"),
        counted(*files, "file")
    ))?;
    if *baseline > 0 {
        output.note(format_args!("{baseline} from before the account was watched are recorded as the baseline"));
    }
    if *overtaken > 0 {
        output.note(format_args!("{overtaken} changed while they were read; the next run reads them again"));
    }
    for reason in report.unreadable.iter().take(MAX_UNREADABLE) {
        output.note(format_args!("skipped, because it cannot be read: {}", escaped(reason)));
    }
    if let Some(more) = report.unreadable.len().checked_sub(MAX_UNREADABLE).filter(|more| *more > 0) {
        output.note(format_args!("skipped {more} more, which --json lists"));
    }
    Ok(())
}

fn table(differences: &[Difference]) -> Table {
    let mut table = Table::new(&["id", "sku", "version", "flow", "known", "marketplace", "changed", "why"]);
    for difference in differences {
        let Difference { resource_id, sku, version, modified_at, .. } = difference;
        let mut row = |flow: String, known: Option<String>, current: Option<String>| {
            table.row([
                resource_id.clone(),
                or_dash(sku.clone()),
                or_dash(version.clone()),
                flow,
                or_dash(known),
                or_dash(current),
                or_dash(*modified_at),
                why(difference).to_owned(),
            ]);
        };
        for status in &difference.statuses {
            row(status.flow.to_string(), status.known.clone(), Some(status.current.clone()));
        }
        if difference.statuses.is_empty() {
            row("-".to_owned(), None, None);
        }
    }
    table
}

fn why(difference: &Difference) -> &'static str {
    match difference.reason {
        _ if difference.baseline => "baseline",
        DifferenceReason::New => "new",
        DifferenceReason::Changed => "changed",
        DifferenceReason::Ambiguous => "ambiguous",
        DifferenceReason::Unconfirmed => "unconfirmed",
        _ => "other",
    }
}
