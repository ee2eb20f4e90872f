//! `eqp deliveries list`.

use clap::Args;
use eqp_console::{Delivery, DeliveryQuery, DeliverySource, DeliveryState, WaitReason};
use time::OffsetDateTime;

use crate::arguments::{whole, within};
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, or_dash, utc};

/// List deliveries that are waiting or dead, newest first
///
/// A delivery is dead if its last attempt has failed; it is not retried automatically. A delivery is skipped if the
/// filter of its subscription does not match the details of the submission or file, which may be known only later; it
/// is listed for 7 days. A delivery that its handler has accepted is deleted; `eqp deliveries show ID` shows its
/// attempts for 7 days.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp deliveries list --subscription shop
  eqp deliveries list --dead
  eqp deliveries list --skipped
  eqp deliveries list --event 1200 --json | jq '.deliveries[].last_note'")]
pub(crate) struct List {
    /// Only deliveries of this subscription
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// Only dead deliveries
    #[arg(long, conflicts_with_all = ["waiting", "skipped"])]
    dead: bool,
    /// Only waiting deliveries
    #[arg(long, conflicts_with = "skipped")]
    waiting: bool,
    /// Only skipped deliveries
    #[arg(long, conflicts_with = "replay")]
    skipped: bool,
    /// Only deliveries of the replay with this number
    #[arg(long, value_name = "NUMBER", value_parser = whole::<i64>)]
    replay: Option<i64>,
    /// Only deliveries of the event with this number
    #[arg(long, value_name = "SEQ", value_parser = whole::<i64>)]
    event: Option<i64>,
    /// Only deliveries before the one with this ID
    #[arg(long, value_name = "ID", value_parser = whole::<i64>)]
    before: Option<i64>,
    /// Maximum number of deliveries
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = within(1_u32..=10_000))]
    limit: u32,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let query = DeliveryQuery {
            subscription: self.subscription,
            state: match (self.dead, self.waiting, self.skipped) {
                (true, _, _) => Some(DeliveryState::Dead),
                (_, true, _) => Some(DeliveryState::Waiting),
                (_, _, true) => Some(DeliveryState::Skipped),
                _ => None,
            },
            event_seq: self.event,
            replay: self.replay,
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
            context.output.note(match query.state {
                Some(state) => format!("no deliveries are {state}"),
                None => "no deliveries are waiting or dead".to_owned(),
            });
            return Ok(());
        }
        context.output.line(table(&listed.deliveries))
    }
}

/// Returns the table of deliveries.
pub(super) fn table(deliveries: &[Delivery]) -> Table {
    let mut table = Table::new(&["id", "subscription", "message", "resource", "state", "attempts", "last result"]);
    table.right(0);
    table.right(5);
    for one in deliveries {
        let status = one.last_status.map(|status| format!(" ({status})")).unwrap_or_default();
        table.row([
            one.id.to_string(),
            one.subscription.clone(),
            message(one),
            or_dash(one.resource_id.as_deref()),
            state(one),
            one.attempts.to_string(),
            or_dash(one.last_result.as_ref().map(|result| format!("{result}{status}"))),
        ]);
    }
    table
}

/// Describes what is delivered.
fn message(one: &Delivery) -> String {
    let message = match (one.source, one.alert) {
        (DeliverySource::Event, _) => format!("event {}", one.event_seq),
        (DeliverySource::Alert, Some(alert)) => format!("alert {alert}"),
        (DeliverySource::Alert, None) => "alert".to_owned(),
        (DeliverySource::Test, _) => "test".to_owned(),
        (DeliverySource::Digest, _) => match OffsetDateTime::from_unix_timestamp(one.event_seq) {
            Ok(week) => format!("digest of {}", week.date()),
            Err(_) => "digest".to_owned(),
        },
    };
    match one.replay {
        Some(replay) => format!("{message} (replay {replay})"),
        None => message,
    }
}

/// Describes the state and, of a waiting delivery, the reason why it is waiting.
fn state(one: &Delivery) -> String {
    let at = |text: &str| one.retry_at.map_or_else(|| text.to_owned(), |at| format!("{text} until {}", utc(at)));
    match (one.state, one.waits_for) {
        (DeliveryState::Dead, _) => format!("dead since {}", or_dash(one.dead_at.map(utc))),
        (DeliveryState::Skipped, _) => format!("skipped at {}", utc(one.created_at)),
        (DeliveryState::Waiting, None) => "waiting".to_owned(),
        (DeliveryState::Waiting, Some(reason)) => match reason {
            WaitReason::Paused => "waiting: subscription paused".to_owned(),
            WaitReason::Consumer => "waiting to be fetched".to_owned(),
            WaitReason::QuietHours => at("quiet hours"),
            WaitReason::HandlerDown => match one.retry_at {
                Some(next) => format!("waiting: handler down, next attempt {}", utc(next)),
                None => "waiting: handler down".to_owned(),
            },
            WaitReason::EarlierDelivery => format!("waiting for delivery {}", or_dash(one.held_by)),
            WaitReason::Retry => format!("retry at {}", or_dash(one.retry_at.map(utc))),
            WaitReason::Details => "waiting for details".to_owned(),
            WaitReason::Sending => "being sent".to_owned(),
            WaitReason::Worker => "due".to_owned(),
        },
    }
}
