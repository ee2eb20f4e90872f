//! Launch dates: what is asked for, how long it is waited for, and what a launch leaves behind.

use std::time::Duration;

use eqp_types::Timestamp;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

/// `launch_on_approval` puts the requested date into the past.
pub(super) fn on_approval(fields: &mut Map<String, Value>, now: OffsetDateTime) {
    if is_on_approval(fields) {
        let past = now.checked_sub(time::Duration::DAY).unwrap_or(now);
        let is_past = requested(fields).is_some_and(|date| date < now);
        if !is_past {
            fields.insert("requested_launch_date".to_owned(), json!(Timestamp::of(past)));
        }
    }
}

/// How long after `now` the requested date is.
pub(super) fn wait(fields: &Map<String, Value>, now: OffsetDateTime) -> Duration {
    requested(fields).and_then(|date| Duration::try_from(date - now).ok()).unwrap_or_default()
}

/// Notes a launch: the first one stays, the latest is this.
pub(super) fn launched(fields: &mut Map<String, Value>, at: Timestamp) {
    fields.entry("original_launch_date").or_insert_with(|| json!(at));
    fields.insert("latest_launch_date".to_owned(), json!(at));
}

fn requested(fields: &Map<String, Value>) -> Option<OffsetDateTime> {
    let text = fields.get("requested_launch_date")?.as_str()?;
    text.parse::<Timestamp>().ok().map(Timestamp::moment)
}

fn is_on_approval(fields: &Map<String, Value>) -> bool {
    match fields.get("launch_on_approval") {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        Some(Value::String(text)) => matches!(text.as_str(), "1" | "yes" | "true"),
        _ => false,
    }
}
