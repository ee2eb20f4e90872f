//! Which events are wanted.

use clap::Args;
use eqp_receiver::{EventFilter, EventKind, Mark};
use eqp_types::Flow;
use time::OffsetDateTime;

use crate::commands::moment::since;
use crate::commands::words;
use crate::config::MarketplaceOptions;

/// Which events; nothing said means all.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which events")]
pub(crate) struct Wanted {
    /// Of this submission or file
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Of this flow: overall, technical, marketing or malware
    #[arg(long, value_name = "FLOW", value_parser = words::flow(), hide_possible_values = true)]
    flow: Option<Flow>,
    /// With this outcome, such as `approved`
    #[arg(long, value_name = "OUTCOME", value_parser = words::any_state(), hide_possible_values = true)]
    outcome: Option<String>,
    /// Of this kind: submission, file, unknown or undecodable
    #[arg(long, value_name = "KIND", value_parser = words::one_of::<EventKind>(EventKind::WORDS), hide_possible_values = true)]
    kind: Option<EventKind>,
    /// With this mark: none, again, tied or late
    #[arg(long, value_name = "MARK", value_parser = words::one_of::<Mark>(Mark::WORDS), hide_possible_values = true)]
    mark: Option<Mark>,
    /// Received since then: a UTC time (2026-01-31 12:00:00, RFC 3339, a date) or an age (90s, 15m, 2h, 3d)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<OffsetDateTime>,
}

impl Wanted {
    /// The question to the database. The environment counts only where it was named: a database can hold both.
    pub(crate) fn filter(self, marketplace: &MarketplaceOptions) -> EventFilter {
        EventFilter {
            environment: marketplace.environment,
            subject: self.subject,
            flow: self.flow,
            outcome: self.outcome,
            kind: self.kind,
            mark: self.mark,
            since: self.since,
            ..EventFilter::default()
        }
    }
}
