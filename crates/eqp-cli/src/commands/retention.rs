//! `eqp retention`: deletes old callbacks.

use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::config::RetentionPeriod;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, UtcTime, counted, utc};

/// Delete old callbacks once (`eqp serve --retention` deletes continuously)
///
/// Events and the statuses of submissions and files are not deleted, and neither are callbacks that have not been
/// projected yet. Deleted callbacks can no longer be shown or reprojected. On a terminal, the command asks for
/// confirmation unless --yes is given. Without a terminal, for example in a cron job, it requires --yes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp retention --older-than 400d --dry-run
  eqp retention --older-than 400d --yes --json")]
pub(crate) struct Retention {
    /// Delete callbacks older than this, such as 400d (at least a day)
    #[arg(long, value_name = "AGE")]
    older_than: RetentionPeriod,
    /// Show how many callbacks would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

/// Callbacks to delete.
struct RetentionPlan {
    before: OffsetDateTime,
    callbacks: u64,
}

impl Plan for RetentionPlan {
    fn show(self, output: Output) -> Result {
        report(output, &self, true)
    }

    fn question(&self) -> Question {
        match self.callbacks {
            0 => Question::Nothing,
            some => Question::Irreversible(format!(
                "Permanently delete {} received before {}",
                counted(some, "callback"),
                utc(self.before)
            )),
        }
    }
}

/// Deletes callbacks that arrived before a time.
struct Deletion<'a> {
    operator: &'a Operator,
    before: OffsetDateTime,
}

impl Change for Deletion<'_> {
    type Plan = RetentionPlan;
    /// The result: the number of deleted callbacks.
    type Applied = RetentionPlan;

    async fn observe(&mut self) -> Result<RetentionPlan> {
        Ok(RetentionPlan {
            before: self.before,
            callbacks: self.operator.client().count_old_callbacks(self.before).await?,
        })
    }

    async fn apply(self, plan: RetentionPlan, _: Confirmation) -> Result<RetentionPlan> {
        let callbacks =
            if plan.callbacks == 0 { 0 } else { self.operator.client().delete_old_callbacks(plan.before).await? };
        Ok(RetentionPlan { callbacks, ..plan })
    }
}

impl Retention {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let before = OffsetDateTime::now_utc()
            .checked_sub(time::Duration::try_from(self.older_than.0).expect("a retention period is at most ten years"))
            .ok_or_else(|| Failure::new(Exit::Usage, "no callback can be that old"))?;
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let deleted = change::run(context, Deletion { operator: &operator, before }, self.dry_run).await;
        operator.close().await?;
        match deleted? {
            Some(deleted) => report(context.output, &deleted, false),
            None => Ok(()),
        }
    }
}

/// The deleted callbacks as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RetentionReport {
    #[serde(flatten)]
    callbacks: Deleted,
    /// The time before which they were received.
    before: UtcTime,
}

/// The number of callbacks.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Deleted {
    Deleted(u64),
    WouldDelete(u64),
}

fn report(output: Output, plan: &RetentionPlan, is_dry_run: bool) -> Result {
    let RetentionPlan { before, callbacks } = plan;
    if output.is_json() {
        return output.json(&RetentionReport {
            callbacks: if is_dry_run { Deleted::WouldDelete(*callbacks) } else { Deleted::Deleted(*callbacks) },
            before: UtcTime(*before),
        });
    }
    let done = if is_dry_run { "would be deleted" } else { "deleted" };
    output.line(format_args!("{} received before {} {done}", counted(*callbacks, "callback"), utc(*before)))
}
