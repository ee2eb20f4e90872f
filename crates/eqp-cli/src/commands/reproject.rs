//! `eqp reproject`: rebuilds events from stored callbacks.

use clap::{ArgGroup, Args};
use eqp_receiver::{ReprojectScope, Reprojected, Reprojector};
use time::OffsetDateTime;

use crate::arguments::since;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::{Database, Upgrade};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, counted};

/// Rebuild events from stored callbacks
///
/// Use this command after an update that improves how callbacks are interpreted. Each affected submission or file is
/// rebuilt in one transaction from all its callbacks, in the order in which they were projected. Unchanged events keep
/// their numbers; the others get new ones. Receivers can keep running. Submissions and files with deleted callbacks are
/// skipped.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("scope").required(true))]
#[command(after_help = "\
Examples:
  eqp reproject --since 30d --dry-run
  eqp reproject --since 2026-01-31
  eqp reproject --resource-id s5w9k703ru --json")]
pub(crate) struct Reproject {
    /// Rebuild submissions and files with a callback since this UTC time or age (such as 30d)
    #[arg(long, value_name = "TIME", value_parser = since, group = "scope")]
    since: Option<OffsetDateTime>,
    /// Rebuild the submission or file with this ID
    #[arg(long, value_name = "ID", group = "scope")]
    resource_id: Option<String>,
    /// Show the number of changes, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Submissions and files to rebuild.
struct ReprojectPlan {
    /// The changes, in a dry run only. They are computed by rebuilding the events in a transaction that is rolled back.
    preview: Option<Reprojected>,
}

impl Plan for ReprojectPlan {
    fn show(self, output: Output) -> Result {
        report(output, &self.preview.expect("a dry run has a preview"), "would be rebuilt")
    }

    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Rebuilds events from stored callbacks.
struct Reprojection {
    reprojector: Reprojector,
    scope: ReprojectScope,
    dry_run: bool,
}

impl Reprojection {
    fn checked(&self, reprojected: Reprojected) -> Result<Reprojected> {
        match &self.scope {
            ReprojectScope::Resource(id) if reprojected.resources + reprojected.skipped == 0 => {
                Err(Failure::new(Exit::NotFound, format!("no callback for `{id}` has been received")))
            }
            _ => Ok(reprojected),
        }
    }
}

impl Change for Reprojection {
    type Plan = ReprojectPlan;
    type Applied = Reprojected;

    async fn observe(&mut self) -> Result<ReprojectPlan> {
        if !self.dry_run {
            return Ok(ReprojectPlan { preview: None });
        }
        let preview = self.reprojector.clone().dry_run(true).run(&self.scope).await?;
        Ok(ReprojectPlan { preview: Some(self.checked(preview)?) })
    }

    async fn apply(self, _: ReprojectPlan, _: Confirmation) -> Result<Reprojected> {
        let reprojected = self.reprojector.run(&self.scope).await?;
        self.checked(reprojected)
    }
}

impl Reproject {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let scope = match (self.since, self.resource_id) {
            (Some(since), _) => ReprojectScope::Since(since),
            (None, Some(id)) => ReprojectScope::Resource(id),
            (None, None) => unreachable!("the command line requires one of them"),
        };
        let database = Database::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let reprojector = Reprojector::new(database.pool().clone());
        let reprojection = Reprojection { reprojector, scope, dry_run: self.dry_run };
        let reprojected = change::run(context, reprojection, self.dry_run).await;
        database.close().await?;
        match reprojected? {
            Some(reprojected) => report(context.output, &reprojected, "rebuilt"),
            None => Ok(()),
        }
    }
}

fn report(output: Output, reprojected: &Reprojected, done: &str) -> Result {
    if output.is_json() {
        return output.json(reprojected);
    }
    let Reprojected { resources, callbacks, events_kept, events_new, events_gone, skipped, .. } = reprojected;
    let resources = match resources {
        1 => "1 submission or file".to_owned(),
        some => format!("{some} submissions and files"),
    };
    output.line(format_args!("{resources} {done} from {}", counted(*callbacks, "callback")))?;
    output.line(format_args!("events: {events_kept} unchanged, {events_new} added, {events_gone} removed"))?;
    if *skipped > 0 {
        output.note(format_args!("{skipped} skipped: some of their callbacks have been deleted"));
    }
    Ok(())
}
