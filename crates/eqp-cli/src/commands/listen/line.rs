//! How a message and the result of its handler are shown.

use std::fmt::Write as _;

use eqp_console::PulledMessage;
use eqp_deliver::{AttemptOutcome, AttemptResult};
use eqp_store::Event;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::commands::events;
use crate::output::escaped;

/// A message that was fetched, as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ListenedMessage<'a> {
    /// The ID of the message, which is the same whenever it is delivered.
    id: &'a str,
    /// The number of the replay that it is part of.
    replay: Option<i64>,
    /// The number of times that it was fetched or failed, including this one.
    attempt: u32,
    /// Whether it was sent to the handler again by the key r.
    resent: bool,
    /// The message, as webhooks receive it: `message.schema.json` describes it.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Map<String, serde_json::Value>"))]
    message: &'a RawValue,
    /// The result of the handler; null if there is none.
    handler: Option<HandlerResult<'a>>,
}

/// The result of a handler.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct HandlerResult<'a> {
    /// Whether it has accepted the message.
    result: HandlerOutcome,
    /// The HTTP status or exit code.
    status: Option<u16>,
    /// The duration in milliseconds.
    duration_ms: u64,
    /// The start of the response or of the error output.
    note: &'a str,
    /// In how many seconds the message is sent to the handler again.
    retry_in: Option<u64>,
}

/// The outcome of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum HandlerOutcome {
    /// It has accepted the message.
    Delivered,
    /// Nothing was sent.
    Skipped,
    /// It failed, and the message is sent again.
    Failed,
    /// It reported that no other attempt can succeed.
    NeverRetry,
}

/// A message with the result of its handler.
pub(super) struct Shown<'a> {
    pub(super) message: &'a PulledMessage,
    pub(super) result: Option<&'a AttemptResult>,
    /// In how many seconds there is another attempt.
    pub(super) retry_in: Option<u64>,
    pub(super) resent: bool,
}

/// The parts of a message that can be shown without knowing its type.
#[derive(Deserialize)]
struct AnyMessage {
    #[serde(rename = "type")]
    name: String,
    timestamp: String,
    data: serde_json::Value,
}

impl<'a> Shown<'a> {
    pub(super) fn json(&self) -> ListenedMessage<'a> {
        let PulledMessage { id, replay, attempt, message, .. } = self.message;
        ListenedMessage {
            id,
            replay: *replay,
            attempt: *attempt,
            resent: self.resent,
            message,
            handler: self.result.map(|result| HandlerResult {
                result: outcome(&result.outcome),
                status: result.status,
                duration_ms: u64::try_from(result.duration.as_millis()).unwrap_or(u64::MAX),
                note: &result.note,
                retry_in: self.retry_in,
            }),
        }
    }

    /// Returns one line.
    pub(super) fn line(&self) -> String {
        let mut line = described(self.message.message.get());
        if let Some(replay) = self.message.replay {
            write!(line, "  (replay {replay})").expect("writing to a text does not fail");
        }
        if self.resent {
            line += "  (resent)";
        }
        if let Some(result) = self.result {
            line += "  ";
            line += &handled(result, self.retry_in);
        }
        line
    }
}

fn described(body: &str) -> String {
    let Ok(message) = serde_json::from_str::<AnyMessage>(body) else { return escaped(body) };
    if let Ok(event) = serde_json::from_value::<Event>(message.data.clone()) {
        return events::line(&event);
    }
    let text = |name: &str| message.data[name].as_str().unwrap_or_default();
    let words = [text("severity"), text("title"), text("subscription")].map(escaped);
    let words: Vec<_> = words.iter().filter(|word| !word.is_empty()).map(String::as_str).collect();
    format!("{}  {}  {}", escaped(&message.timestamp), escaped(&message.name), words.join("  "))
}

fn handled(result: &AttemptResult, retry_in: Option<u64>) -> String {
    let outcome = match outcome(&result.outcome) {
        HandlerOutcome::Delivered => "delivered",
        HandlerOutcome::Skipped => "skipped",
        HandlerOutcome::Failed => "failed",
        HandlerOutcome::NeverRetry => "failed, not retried",
    };
    let mut text = outcome.to_owned();
    if let Some(status) = result.status {
        write!(text, " ({status})").expect("writing to a text does not fail");
    }
    if !result.duration.is_zero() {
        write!(text, " in {} ms", result.duration.as_millis()).expect("writing to a text does not fail");
    }
    if outcome != "delivered" && !result.note.is_empty() {
        write!(text, ": {}", escaped(result.note.lines().next().unwrap_or_default()))
            .expect("writing to a text does not fail");
    }
    if let Some(seconds) = retry_in {
        write!(text, "; again in {seconds} s").expect("writing to a text does not fail");
    }
    text
}

fn outcome(outcome: &AttemptOutcome) -> HandlerOutcome {
    match outcome {
        AttemptOutcome::Delivered => HandlerOutcome::Delivered,
        AttemptOutcome::Skipped => HandlerOutcome::Skipped,
        AttemptOutcome::NeverRetry => HandlerOutcome::NeverRetry,
        _ => HandlerOutcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_message_of_an_unknown_type_is_shown() {
        let alert =
            r#"{"type": "alert.moved", "timestamp": "2026-01-02T03:04:05Z", "data": {"title": "a\u001b[31m", "n": 1}}"#;
        assert_eq!(described(alert), "2026-01-02T03:04:05Z  alert.moved  a\\u{1b}[31m");
    }

    #[test]
    fn a_failure_is_shown_with_its_reason_and_the_next_attempt() {
        let failed = AttemptOutcome::EventFailed { retry_after: None };
        let result = AttemptResult::new(failed, Some(500), Duration::from_millis(12), "no\nway");
        assert_eq!(handled(&result, Some(5)), "failed (500) in 12 ms: no; again in 5 s");
        let delivered = AttemptResult::new(AttemptOutcome::Delivered, Some(200), Duration::from_millis(3), "hello");
        assert_eq!(handled(&delivered, None), "delivered (200) in 3 ms");
    }
}
