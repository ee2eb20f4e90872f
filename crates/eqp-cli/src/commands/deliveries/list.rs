//! `eqp deliveries list`.

use clap::Args;
use eqp_console::{Delivery, DeliveryQuery};

use crate::arguments::within;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, or_dash, utc};

/// List deliveries that are waiting or dead, newest first
///
/// Deliveries that a handler has accepted are deleted; `eqp deliveries show ID` shows their attempts for 7 days.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp deliveries list --subscription shop
  eqp deliveries list --dead
  eqp deliveries list --event 1200 --json | jq '.deliveries[].last_note'")]
pub(crate) struct List {
    /// Show deliveries of this subscription
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// Show only deliveries that failed for good
    #[arg(long, conflicts_with = "waiting")]
    dead: bool,
    /// Show only deliveries that are waiting
    #[arg(long)]
    waiting: bool,
    /// Show deliveries of the event with this number
    #[arg(long, value_name = "SEQ")]
    event: Option<i64>,
    /// Show deliveries before the one with this ID
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// Maximum number of deliveries
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = within(1_u32..=10_000))]
    limit: u32,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let query = DeliveryQuery {
            subscription: self.subscription,
            dead: (self.dead || self.waiting).then_some(self.dead),
            event_seq: self.event,
            before_id: self.before,
            limit: self.limit,
        };
        let operator = Operator::open_to_read(context).await?;
        let listed = operator.client().deliveries(&query).await;
        operator.close().await?;
        let listed = listed?;
        if context.output.is_json() {
            return context.output.json(&listed);
        }
        if listed.deliveries.is_empty() {
            context.output.note("no deliveries are waiting or dead");
            return Ok(());
        }
        context.output.line(table(&listed.deliveries))
    }
}

/// Returns the table of deliveries.
pub(super) fn table(deliveries: &[Delivery]) -> Table {
    let mut table = Table::new(&["id", "subscription", "event", "resource", "state", "attempts", "last result"]);
    table.right(0);
    table.right(2);
    table.right(5);
    for one in deliveries {
        let state = match (one.dead_at, one.retry_at) {
            (Some(at), _) => format!("dead since {}", utc(at)),
            (None, Some(at)) => format!("retry at {}", utc(at)),
            (None, None) => "waiting".to_owned(),
        };
        let status = one.last_status.map(|status| format!(" ({status})")).unwrap_or_default();
        table.row([
            one.id.to_string(),
            one.subscription.clone(),
            one.event_seq.to_string(),
            or_dash(one.resource_id.as_deref()),
            state,
            one.attempts.to_string(),
            or_dash(one.last_result.as_ref().map(|result| format!("{result}{status}"))),
        ]);
    }
    table
}
