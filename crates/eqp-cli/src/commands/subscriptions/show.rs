//! `eqp subscriptions show`.

use std::time::Duration;

use clap::Args;
use eqp_console::Subscription;

use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{or_dash, readable, utc};

/// Show a subscription: its filter, its handler and the state of its deliveries
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp subscriptions show shop
  eqp subscriptions show shop --json | jq .filter")]
pub(crate) struct Show {
    /// Name, as shown by `eqp subscriptions list`
    name: String,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let found = operator.client().subscription(&self.name).await;
        operator.close().await?;
        let found = found?;
        if context.output.is_json() {
            return context.output.json(&found);
        }
        for (name, value) in lines(&found) {
            // Every line of a value begins in the same column.
            let value = value.replace('\n', &format!("\n{:16}", ""));
            context.output.line(format_args!("{name:<16}{value}"))?;
        }
        Ok(())
    }
}

fn lines(one: &Subscription) -> Vec<(&'static str, String)> {
    let filter = match &one.filter {
        Some(filter) => {
            let json = serde_json::to_value(filter).expect("a filter is serializable");
            if json.as_object().is_some_and(serde_json::Map::is_empty) {
                "all events except those of the baseline".to_owned()
            } else {
                readable(&json)
            }
        }
        None => "defined by a newer version".to_owned(),
    };
    let order_hold = match one.order_hold {
        Some(0) => "not held back".to_owned(),
        Some(seconds) => {
            let hold = humantime::format_duration(Duration::from_secs(seconds));
            format!("held back for {hold} after a failure")
        }
        None => "held back until a failed delivery is dead".to_owned(),
    };
    let mut lines = vec![
        ("name", one.name.clone()),
        ("state", one.state.to_string()),
        ("handler", one.described_handler()),
        ("events", filter),
        ("later events", order_hold),
        ("waiting", one.described_waiting()),
        ("dead", one.dead.to_string()),
        ("oldest waiting", or_dash(one.oldest_waiting_at.map(utc))),
        ("created", utc(one.created_at)),
    ];
    if let (Some(first), Some(seconds)) = (&one.fallback_for, one.fallback_after) {
        let after = humantime::format_duration(Duration::from_secs(seconds));
        lines.push(("fallback for", format!("{first}: alerts that it cannot deliver, at the latest after {after}")));
    }
    if one.is_temporary {
        lines.push(("temporary", "removed 7 days after its last use".to_owned()));
    }
    if let Some(at) = one.fetched_at {
        lines.push(("last fetched", utc(at)));
    }
    if let Some(at) = one.paused_at {
        lines.push(("paused since", utc(at)));
    }
    if let Some(reason) = &one.paused_reason {
        lines.push(("paused because", reason.clone()));
    }
    if let Some(at) = one.failing_since {
        lines.push(("down since", utc(at)));
    }
    if let Some(at) = one.next_probe_at {
        lines.push(("next attempt", utc(at)));
    }
    if let Some(file) = &one.declared_by {
        lines.push(("declared in", file.clone()));
    }
    lines
}
