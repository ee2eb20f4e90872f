//! `eqp events`: lists, follows, shows and replays events.

pub(crate) mod replay;
pub(crate) mod show;
mod table;

pub(crate) use table::{line, table};

use clap::{Args, Subcommand};
use eqp_console::EventList;
use eqp_release::wait::WaitTarget;
use eqp_store::{Disposition, Event, EventFilter, EventKind};
use eqp_types::{Environment, Flow};
use serde::Serialize;
use time::OffsetDateTime;

use crate::arguments::{self, since, whole};
use crate::commands::statuses;
use crate::compose::operator::Operator;
use crate::config::MarketplaceOptions;
use crate::context::Context;
use crate::failure::Result;
use crate::output::utc;
use crate::shutdown;

/// List, follow and replay events
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp events list --limit 10
  eqp events list --status rejected --since 7d
  eqp events tail --json
  eqp events show 1200
  eqp events replay --since 2h --to shop")]
pub(crate) enum Events {
    List(List),
    Tail(Tail),
    Show(show::Show),
    Replay(Box<replay::Replay>),
}

impl Events {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Tail(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Replay(verb) => verb.run(context).await,
        }
    }
}

/// Filters for events. Without a filter, all events match.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Filters")]
struct FilterOptions {
    /// Only events of the submission or file with this ID
    #[arg(long, value_name = "ID")]
    resource_id: Option<String>,
    /// Only events of this flow: overall, technical, marketing or malware
    #[arg(long, value_name = "FLOW", value_parser = statuses::flow(), hide_possible_values = true)]
    flow: Option<Flow>,
    /// Only events with this status, such as approved
    #[arg(long, value_name = "STATUS", value_parser = statuses::any_status(), hide_possible_values = true)]
    status: Option<String>,
    /// Only events of this kind: submission, file, unknown or undecodable
    #[arg(long, value_name = "KIND", value_parser = statuses::one_of::<EventKind>(EventKind::VALUES), hide_possible_values = true)]
    kind: Option<EventKind>,
    /// Only events with this disposition: applied, reentered, ambiguous, late or corrected
    ///
    /// applied: the status became the current one. reentered: the flow returned to an earlier status. ambiguous: two statuses
    /// were reported with the same time. late: the report is about the past. corrected: the API contradicted the callbacks.
    #[arg(long, value_name = "DISPOSITION", value_parser = statuses::one_of::<Disposition>(Disposition::VALUES), hide_possible_values = true)]
    disposition: Option<Disposition>,
    /// Only events received since this UTC time (2026-01-31 12:00:00, RFC 3339, or a date) or age (90s, 15m, 2h, 3d)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<OffsetDateTime>,
}

impl FilterOptions {
    /// Returns the filter. It contains the environment only if one was given, because a database can contain events of
    /// both environments.
    fn filter(self, marketplace: &MarketplaceOptions) -> Result<EventFilter> {
        if let Some(flow) = &self.flow {
            // A status that this flow never has would match nothing.
            WaitTarget::new(flow.clone(), self.status.clone()).map_err(|error| statuses::of_another_flow(&error))?;
        }
        Ok(EventFilter {
            environment: marketplace.environment,
            resource_id: self.resource_id,
            flow: self.flow,
            status: self.status,
            kind: self.kind,
            disposition: self.disposition,
            since: self.since,
            ..EventFilter::default()
        })
    }
}

/// List events, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp events list --limit 10
  eqp events list --resource-id s5w9k703ru --flow marketing
  eqp events list --status rejected --since 7d --json \\
      | jq '.events[].resource_id'")]
pub(crate) struct List {
    #[command(flatten)]
    filter: FilterOptions,
    /// Maximum number of events
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = arguments::within(1_u32..=10_000))]
    limit: u32,
}

/// Events as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ListedEvents<'a> {
    /// The environment that was selected, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Environment>,
    /// The events, newest first.
    events: &'a [Event],
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let marketplace = &context.settings.marketplace;
        let filter = EventFilter { limit: self.limit, ..self.filter.filter(marketplace)? };
        let operator = Operator::open_to_read(context).await?;
        let listed = operator.client().events(&filter).await;
        operator.close().await?;
        let EventList { events, pending, .. } = listed?;
        if let Some(pending) = pending {
            let since =
                pending.oldest.map(|oldest| format!(", the oldest since {} UTC", utc(oldest))).unwrap_or_default();
            context.output.note(format_args!(
                "some callbacks have not been projected yet{since}; their events will appear later (see `eqp doctor`)"
            ));
        }
        if context.output.is_json() {
            return context.output.json(&ListedEvents { environment: marketplace.environment, events: &events });
        }
        if events.is_empty() {
            context.output.note("no events");
            return Ok(());
        }
        context.output.line(table(&events))
    }
}

/// Follow events as they arrive, until Ctrl-C
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp events tail
  eqp events tail --resource-id s5w9k703ru --json
  eqp events tail --since 1h       # start with the events of the last hour
  eqp events tail --after 1200     # start after event 1200")]
pub(crate) struct Tail {
    #[command(flatten)]
    filter: FilterOptions,
    /// Start after the event with this number [default: start with the next event, or at --since]
    #[arg(long, value_name = "SEQ", value_parser = whole::<i64>)]
    after: Option<i64>,
}

impl Tail {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let mut filter = self.filter.filter(&context.settings.marketplace)?;
        // With --since, stored events from that time on come first.
        filter.after_seq = self.after.or(filter.since.map(|_| 0));
        let operator = Operator::open_to_read(context).await?;
        let followed = follow(context, &operator, &filter).await;
        operator.close().await?;
        followed
    }
}

async fn follow(context: &Context, operator: &Operator, filter: &EventFilter) -> Result {
    let stop = shutdown::requested();
    let mut events = operator.client().follow(filter).await?;
    context.output.note("waiting for events; press Ctrl-C to stop");
    while let Some(next) = stop.run_until_cancelled(events.next()).await {
        let Some(event) = next? else { break };
        if context.output.is_json() {
            context.output.json(&event)?;
        } else {
            context.output.line(line(&event))?;
        }
    }
    Ok(())
}
