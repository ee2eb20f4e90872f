//! `eqp spool drain` and `set-aside`: empty or replace the spool of a receiver that is not running.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_receiver::{Drained, Error, SpoolFile, SpoolState};
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Output, counted};

/// Move callbacks from the spool to the database
///
/// A running receiver does this automatically. Use this command for a spool without a receiver, for example if its
/// machine is being retired. Callbacks that are already in the database are not stored again. A spool can only be
/// drained into its own database.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp spool drain
  eqp spool drain --quarantine           # after the cause is fixed
  eqp spool drain --spool-dir /mnt/old-receiver/spool --json")]
pub(crate) struct Drain {
    /// Also retry quarantined callbacks
    #[arg(long)]
    quarantine: bool,
    /// Show what would be stored, and store nothing
    #[arg(long)]
    dry_run: bool,
}

/// The contents of a spool that is not in use.
struct DrainPlan {
    callbacks: u64,
    quarantined: u64,
    /// Whether quarantined callbacks are retried too.
    with_quarantine: bool,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DrainDryRun {
    /// The number of callbacks that would be written to the database.
    would_store: u64,
    /// The number of quarantined callbacks that would be tried again.
    would_retry: u64,
}

/// The result as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DrainReport {
    /// The number of callbacks that were written to the database.
    stored: u64,
    /// The number of callbacks that Postgres rejects because of their data.
    refused: u64,
    /// The number of callbacks that are left in the spool.
    callbacks: u64,
    /// The number of callbacks in quarantine.
    quarantined: u64,
}

impl Plan for DrainPlan {
    fn show(self, output: Output) -> Result {
        let quarantined = if self.with_quarantine { self.quarantined } else { 0 };
        if output.is_json() {
            return output.json(&DrainDryRun { would_store: self.callbacks, would_retry: quarantined });
        }
        output.line(format_args!("would store  {}", self.callbacks))?;
        output.line(format_args!("would retry  {quarantined}"))
    }

    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Drains a spool into its database.
struct SpoolDrain<'a> {
    context: &'a Context,
    with_quarantine: bool,
}

impl Change for SpoolDrain<'_> {
    type Plan = DrainPlan;
    type Applied = (Drained, SpoolState);

    /// Reads the spool. Needs no database, so problems with the spool are reported at once.
    async fn observe(&mut self) -> Result<DrainPlan> {
        let folder = super::place(self.context)?;
        let file = SpoolFile::open(&folder)?;
        refuse_if_held(&file, &folder)?;
        let SpoolState { callbacks, quarantined, .. } = file.state()?;
        Ok(DrainPlan { callbacks, quarantined, with_quarantine: self.with_quarantine })
    }

    async fn apply(self, _: DrainPlan, _: Confirmation) -> Result<(Drained, SpoolState)> {
        let settings = super::settings(self.context)?;
        let database = Database::open_to_read(self.context).await?;
        let options = database.pool().connect_options();
        let drained = eqp_receiver::drain_spool(&settings, &options, self.with_quarantine).await;
        database.close().await?;
        Ok((drained?, super::open(self.context)?.state()?))
    }
}

impl Drain {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let drain = SpoolDrain { context, with_quarantine: self.quarantine };
        let Some((drained, left)) = change::run(context, drain, self.dry_run).await? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&DrainReport {
                stored: drained.stored,
                refused: drained.refused,
                callbacks: left.callbacks,
                quarantined: left.quarantined,
            });
        }
        context.output.line(format_args!("stored      {}", drained.stored))?;
        context.output.line(format_args!("rejected    {}", drained.refused))?;
        context.output.line(format_args!("quarantine  {}", left.quarantined))
    }
}

/// Rename the spool file, so that the receiver starts with an empty spool
///
/// Use this command if the file is damaged, or belongs to a database that no longer exists. The renamed file is not
/// deleted, because it may contain callbacks that are stored nowhere else.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp spool set-aside
  eqp spool set-aside --dry-run
  eqp spool set-aside --data-dir /var/lib/eqp --json")]
pub(crate) struct SetAside {
    /// Show which spool would be set aside, and rename nothing
    #[arg(long)]
    dry_run: bool,
}

/// The spool to set aside.
struct SetAsidePlan {
    folder: PathBuf,
    /// Number of callbacks in it, including quarantined ones; `None` if the file cannot be read.
    callbacks: Option<u64>,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SetAsideDryRun<'a> {
    /// The folder of the spool.
    would_set_aside: &'a Path,
    /// The number of callbacks in the spool, including quarantined ones; null if the file cannot be read.
    callbacks: Option<u64>,
}

/// The result as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SetAsideReport<'a> {
    /// The new name of the file.
    file: &'a Path,
}

impl Plan for SetAsidePlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&SetAsideDryRun { would_set_aside: &self.folder, callbacks: self.callbacks });
        }
        let callbacks = self.callbacks.map_or_else(|| "unreadable".to_owned(), |count| counted(count, "callback"));
        output.line(format_args!("would set aside the spool in {} ({callbacks})", self.folder.display()))
    }

    /// Needs no confirmation, because the file is only renamed.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Sets a spool aside.
struct SpoolRemoval<'a> {
    context: &'a Context,
}

impl Change for SpoolRemoval<'_> {
    type Plan = SetAsidePlan;
    /// The new name of the file.
    type Applied = PathBuf;

    async fn observe(&mut self) -> Result<SetAsidePlan> {
        let folder = super::place(self.context)?;
        let callbacks = match SpoolFile::open(&folder) {
            Ok(file) => {
                refuse_if_held(&file, &folder)?;
                file.state().ok().map(|state| state.callbacks + state.quarantined)
            }
            Err(error @ Error::NoSpool { .. }) => return Err(error.into()),
            Err(_) => None,
        };
        Ok(SetAsidePlan { folder, callbacks })
    }

    async fn apply(self, plan: SetAsidePlan, _: Confirmation) -> Result<PathBuf> {
        Ok(eqp_receiver::set_aside(&plan.folder)?)
    }
}

impl SetAside {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let Some(aside) = change::run(context, SpoolRemoval { context }, self.dry_run).await? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&SetAsideReport { file: &aside });
        }
        context.output.line(aside.display())
    }
}

/// Fails if a process is using the spool.
fn refuse_if_held(file: &SpoolFile, folder: &Path) -> Result {
    match file.holder() {
        Some(holder) => Err(Error::SpoolHeld { folder: folder.to_owned(), holder: holder.process() }.into()),
        None => Ok(()),
    }
}
