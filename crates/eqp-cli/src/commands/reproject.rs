//! `eqp reproject`.

use clap::{ArgGroup, Args};
use eqp_receiver::{ReprojectScope, Reprojected, Reprojector};
use time::OffsetDateTime;

use super::moment::since;
use crate::compose::database::{Database, Upgrade};
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::counted;

/// Make events anew from the callbacks that are kept: after an update that reads or judges them better
///
/// Each submission and file concerned is rebuilt whole, in one transaction, from all its callbacks in the order in
/// which they came to be projected. Events that come out the same keep their numbers; others get new ones. Receivers go
/// on meanwhile. A submission of which some callbacks are no longer kept is left as it is.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("scope").required(true))]
#[command(after_help = "\
Examples:
  eqp reproject --since 30d --dry-run
  eqp reproject --since 2026-01-31
  eqp reproject --subject s5w9k703ru --json")]
pub(crate) struct Reproject {
    /// Everything of which a callback arrived since: a UTC time, or an age such as 30d
    #[arg(long, value_name = "TIME", value_parser = since, group = "scope")]
    since: Option<OffsetDateTime>,
    /// One submission or file
    #[arg(long, value_name = "ID", group = "scope")]
    subject: Option<String>,
    /// Show how much would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Reproject {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let scope = match (self.since, self.subject) {
            (Some(since), _) => ReprojectScope::Since(since),
            (None, Some(subject)) => ReprojectScope::Subject(subject),
            (None, None) => return Err(Failure::usage("nothing to project again was named")),
        };
        let database = Database::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let reprojected = Reprojector::new(database.pool().clone()).dry_run(self.dry_run).run(&scope).await;
        database.close().await?;
        let reprojected = reprojected?;
        if let ReprojectScope::Subject(subject) = &scope
            && reprojected.subjects + reprojected.passed_over == 0
        {
            return Err(Failure::new(Exit::NotFound, format!("no callback has told of `{subject}`")));
        }
        report(context, &reprojected, self.dry_run)
    }
}

fn report(context: &Context, reprojected: &Reprojected, dry_run: bool) -> Outcome {
    if context.output.is_json() {
        return context.output.json(reprojected);
    }
    let Reprojected { subjects, callbacks, events_kept, events_new, events_gone, passed_over, .. } = reprojected;
    let done = if dry_run { "would be rebuilt" } else { "rebuilt" };
    let subjects = match subjects {
        1 => "1 submission or file".to_owned(),
        some => format!("{some} submissions and files"),
    };
    context.output.line(format_args!("{subjects} {done} from {}", counted(*callbacks, "callback")))?;
    context.output.line(format_args!("events: {events_kept} the same, {events_new} new, {events_gone} gone"))?;
    if *passed_over > 0 {
        context.output.note(format_args!("{passed_over} left as they are: some of their callbacks are no longer kept"));
    }
    Ok(())
}
