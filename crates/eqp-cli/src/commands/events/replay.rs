//! `eqp events replay`: delivers events again.

use std::time::Duration;

use clap::Args;
use eqp_console::{PlannedReplay, Replay as ReplayReport, ReplayRequest};
use eqp_deliver::{HandlerDefinition, ReplaySelection, ReplayState};
use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::FilterOptions;
use super::table::table;
use crate::arguments::whole;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::commands::replays::described;
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::config::MarketplaceOptions;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, counted, shell_word};
use crate::shutdown;

/// The interval at which the progress is requested.
const POLL: Duration = Duration::from_millis(500);
/// The time after which a replay that no server has started is reported.
const NOT_STARTED: Duration = Duration::from_secs(10);
/// The time after which a replay whose messages nobody fetches is reported as such.
const NOT_FETCHED: Duration = Duration::from_secs(2);
/// A subscription whose messages were fetched in this time has a consumer. The time is stored to the minute.
const LISTENING: time::Duration = time::Duration::minutes(2);

/// Deliver events again, to one subscription or to all whose filter matches
///
/// The command shows the events, asks for confirmation, and waits until they have been sent. A server with the role
/// deliver sends them, and continues after a restart. New events are not delayed, and can arrive before or after the
/// replayed ones. Each message has the same ID as before, and also the number of the replay.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp events replay 1200 1201 --to shop
  eqp events replay --since 2h --dry-run
  eqp events replay --since 2026-01-31 --status released_to_store \\
      --to deploy --yes
  eqp replays list
  eqp replays cancel 3")]
pub(crate) struct Replay {
    /// Numbers of the events, as shown by `eqp events list` (at most 1,000)
    #[arg(value_name = "SEQ", value_parser = whole::<i64>)]
    seqs: Vec<i64>,
    #[command(flatten)]
    filter: FilterOptions,
    /// Subscription that receives the events [default: every webhook, program and chat whose filter they match]
    #[arg(long, value_name = "SUBSCRIPTION")]
    to: Option<String>,
    /// Do not wait until the events have been sent
    #[arg(long)]
    no_wait: bool,
    /// Show which events would be delivered, and deliver nothing
    #[arg(long)]
    dry_run: bool,
}

/// A replay as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ReplayOutcome<'a> {
    /// The replay; null if there was nothing to deliver.
    replay: Option<&'a ReplayReport>,
}

/// The dry run of a replay as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ReplayDryRun<'a> {
    /// The events that would be delivered.
    would_replay: &'a PlannedReplay,
}

struct ReplayPlan(PlannedReplay);

impl ReplayPlan {
    fn is_empty(&self) -> bool {
        self.0.deliveries == 0
    }

    /// Returns the events and the subscriptions that receive them.
    fn lines(&self) -> Vec<String> {
        let plan = &self.0;
        if plan.selected == 0 {
            return vec!["no event matches".to_owned()];
        }
        if self.is_empty() {
            return vec![format!("no subscription receives any of the {}", counted(plan.selected, "matching event"))];
        }
        let mut lines = vec![table(&plan.first).to_string()];
        let more = plan.events.saturating_sub(plan.first.len() as u64);
        if more > 0 {
            lines.push(format!("… and {}", counted(more, "more event")));
        }
        if plan.selected > plan.events {
            let others = plan.selected - plan.events;
            lines.push(format!("{} match no filter of a subscription", counted(others, "other event")));
        }
        for one in &plan.subscriptions {
            let note = if one.paused { " (paused: they are sent after it is resumed)" } else { "" };
            lines.push(format!("{} to {}{note}", counted(one.deliveries, "event"), one.name));
        }
        for name in &plan.fetched {
            lines.push(format!("none to {name}, because consumers fetch its messages (replay to it with --to {name})"));
        }
        lines
    }
}

impl Plan for ReplayPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&ReplayDryRun { would_replay: &self.0 });
        }
        if !self.is_empty() {
            output.line(format_args!("would deliver {} again", counted(self.0.events, "event")))?;
        }
        self.lines().into_iter().try_for_each(|line| output.line(line))
    }

    fn notes(&self) -> Vec<String> {
        self.lines()
    }

    fn question(&self) -> Question {
        if self.is_empty() {
            return Question::Nothing;
        }
        Question::Irreversible(format!("Deliver {} again", counted(self.0.events, "event")))
    }
}

struct Replaying<'a> {
    operator: &'a Operator,
    request: ReplayRequest,
}

impl Change for Replaying<'_> {
    type Plan = ReplayPlan;
    /// The replay with its plan, or `None` if there is nothing to deliver.
    type Applied = Option<(ReplayReport, PlannedReplay)>;

    async fn observe(&mut self) -> Result<ReplayPlan> {
        Ok(ReplayPlan(self.operator.client().plan_replay(&self.request).await?))
    }

    async fn apply(self, plan: ReplayPlan, _: Confirmation) -> Result<Self::Applied> {
        if plan.is_empty() {
            return Ok(None);
        }
        let replay = self.operator.client().create_replay(&self.request.planned(&plan.0)).await?;
        Ok(Some((replay, plan.0)))
    }
}

impl Replay {
    fn request(self, marketplace: &MarketplaceOptions) -> Result<ReplayRequest> {
        let filter = self.filter.filter(marketplace)?;
        let selection = ReplaySelection {
            events: self.seqs,
            environment: filter.environment,
            mage_id: None,
            kind: filter.kind,
            resource_id: filter.resource_id,
            flow: filter.flow,
            status: filter.status,
            disposition: filter.disposition,
            since: filter.since,
            until: None,
        };
        // The environment can come from the configuration.
        if (ReplaySelection { environment: None, ..selection.clone() }).is_everything() {
            return Err(Failure::usage("no events are selected").next("pass numbers of events, --since or a filter"));
        }
        let request = ReplayRequest::new(selection);
        Ok(match self.to {
            Some(to) => request.to(to),
            None => request,
        })
    }

    pub(crate) async fn run(self, context: &Context) -> Result {
        let (dry_run, waits) = (self.dry_run, !self.no_wait);
        let request = self.request(&context.settings.marketplace)?;
        let operator = Operator::open_existing(context, Upgrade::unless(dry_run)).await?;
        let replayed = change::run(context, Replaying { operator: &operator, request }, dry_run).await;
        let ended = match replayed {
            Ok(Some(Some((replay, plan)))) => {
                carried_out(context.output, &operator, replay, &plan, waits).await.map(Some)
            }
            Ok(Some(None)) => Ok(Some(None)),
            Ok(None) => Ok(None),
            Err(failure) => Err(failure),
        };
        operator.close().await?;
        let Some(replay) = ended? else { return Ok(()) };
        if context.output.is_json() {
            context.output.json(&ReplayOutcome { replay: replay.as_ref() })?;
        } else if let Some(replay) = &replay {
            context.output.line(described(replay))?;
        }
        match replay {
            Some(replay) if replay.dead + replay.retrying > 0 => Err(failed(&replay)),
            _ => Ok(()),
        }
    }
}

/// Waits until every event of a replay has been sent at least once, unless the caller does not want to, or none can be sent now.
async fn carried_out(
    output: Output,
    operator: &Operator,
    mut replay: ReplayReport,
    plan: &PlannedReplay,
    waits: bool,
) -> Result<Option<ReplayReport>> {
    let id = replay.id;
    if !waits || plan.subscriptions.iter().all(|one| one.paused) {
        return Ok(Some(replay));
    }
    let stop = shutdown::requested();
    let line = output.status_line();
    let begun = Instant::now();
    let (mut is_reported, mut is_fetching_reported) = (false, false);
    while !has_been_sent(&replay) {
        line.show(&format!("replay {id}: {} of {} sent", replay.ended + replay.dead, replay.planned));
        if replay.created == 0 && begun.elapsed() >= NOT_STARTED && !is_reported {
            is_reported = true;
            output.note("no server has started the replay yet; check that `eqp serve` with the role deliver is running with this database");
        }
        if replay.ended == 0 && begun.elapsed() >= NOT_FETCHED && !is_fetching_reported {
            is_fetching_reported = true;
            note_unfetched(output, operator, plan).await?;
        }
        if stop.run_until_cancelled(sleep(POLL)).await.is_none() {
            output.note(format_args!(
                "replay {id} continues without this command; to cancel it: eqp replays cancel {id}"
            ));
            return Err(Failure::interrupted());
        }
        replay = operator.client().replay(id).await?;
    }
    Ok(Some(replay))
}

/// Reports subscriptions whose messages nobody fetches.
async fn note_unfetched(output: Output, operator: &Operator, plan: &PlannedReplay) -> Result {
    for receiver in &plan.subscriptions {
        let found = operator.client().subscription(&receiver.name).await?;
        let is_recent = found.fetched_at.is_some_and(|at| OffsetDateTime::now_utc() - at < LISTENING);
        if matches!(found.handler, Some(HandlerDefinition::Pull)) && !is_recent {
            output.note(format_args!(
                "nobody fetches the messages of {}, so the replay waits; start a consumer, for example: eqp listen --name {}",
                receiver.name,
                shell_word(&receiver.name)
            ));
        }
    }
    Ok(())
}

/// Returns whether every delivery has ended, or has failed and is retried.
fn has_been_sent(replay: &ReplayReport) -> bool {
    replay.state != ReplayState::Running || (replay.complete && replay.waiting == replay.retrying)
}

fn failed(replay: &ReplayReport) -> Failure {
    let (dead, retrying) = (counted(replay.dead, "delivery"), counted(replay.retrying, "delivery"));
    let what = match (replay.dead, replay.retrying) {
        (0, _) => format!("{retrying} of replay {} failed and will be retried", replay.id),
        (_, 0) => format!("{dead} of replay {} failed", replay.id),
        _ => format!("{dead} of replay {} failed, and {retrying} will be retried", replay.id),
    };
    Failure::new(Exit::Failed, what).next(format!("show the reasons: eqp deliveries list --replay {}", replay.id))
}
