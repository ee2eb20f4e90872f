//! The faults, as the first word of a rule names them.

use std::time::Duration;

use eqp_types::ApiError;

use super::callback::CallbackFault;
use super::values::{duration, size};
use super::{Fault, FaultBody};
use crate::Error;

pub(super) const CALL_FAULTS: [&str; 12] = [
    "latency",
    "dead-token",
    "too-many-requests",
    "status",
    "html",
    "error-body",
    "wrong-shape",
    "cut",
    "cut-body",
    "answer-lost",
    "huge",
    "endless",
];
pub(super) const CALLBACK_FAULTS: [&str; 7] =
    ["duplicates", "late", "dropped", "swapped", "first-form", "unknown-event", "unknown-fields"];

/// The default size of `huge`.
const HUGE: u64 = 100_000_000;
/// The default wait of `too-many-requests`.
const AFTER: Duration = Duration::from_secs(1);

/// Parses a fault of calls.
pub(super) fn call_fault(name: &str, value: Option<&str>) -> Result<Fault, Error> {
    let wrong = |why: &'static str| Error::fault(&format!("{name}={}", value.unwrap_or_default()), why, []);
    let none = |fault: Fault| if value.is_none() { Ok(fault) } else { Err(wrong("takes no value")) };
    let text = value.unwrap_or_default();
    match name {
        "latency" => {
            duration(text).map(Fault::Latency).ok_or_else(|| wrong("needs a duration such as 250ms, 2s or 5m"))
        }
        "dead-token" => none(Fault::DeadToken),
        "too-many-requests" => {
            let (length, as_date) = match text.strip_suffix(",date") {
                Some(length) => (length, true),
                None => (text, false),
            };
            let after = if value.is_none() { Some(AFTER) } else { duration(length) };
            let after = after.ok_or_else(|| wrong("is written like too-many-requests=30s or …=30s,date"))?;
            Ok(Fault::TooManyRequests { after, as_date })
        }
        "status" => {
            let (status, body) = text.split_once(',').unwrap_or((text, "json"));
            let status = status.parse().ok().filter(|status| (400..=599).contains(status));
            let status = status.ok_or_else(|| wrong("needs an HTTP status from 400 to 599"))?;
            let body = match body {
                "json" => FaultBody::Json,
                "html" => FaultBody::Html,
                "empty" => FaultBody::Empty,
                other => return Err(Error::fault(other, "is not a kind of body", ["json", "html", "empty"])),
            };
            Ok(Fault::Status { status, body })
        }
        "html" => none(Fault::Html),
        "error-body" => {
            let code = if value.is_none() { Some(ApiError::INSUFFICIENT_INFORMATION) } else { text.parse().ok() };
            code.map(Fault::ErrorBody).ok_or_else(|| wrong("needs a code such as error-body=1208"))
        }
        "wrong-shape" => none(Fault::WrongShape),
        "cut" => none(Fault::Cut),
        "cut-body" => none(Fault::CutBody),
        "answer-lost" => none(Fault::AnswerLost),
        "huge" => {
            let bytes = if value.is_none() { Some(HUGE) } else { size(text) };
            bytes.map(Fault::Huge).ok_or_else(|| wrong("needs a size such as 64KB or 100MB"))
        }
        _ => none(Fault::Endless),
    }
}

/// Parses a fault of callbacks.
pub(super) fn callback_fault(name: &str, value: Option<&str>) -> Result<CallbackFault, Error> {
    let wrong = |why: &'static str| Error::fault(&format!("{name}={}", value.unwrap_or_default()), why, []);
    let none = |fault: CallbackFault| if value.is_none() { Ok(fault) } else { Err(wrong("takes no value")) };
    let text = value.unwrap_or_default();
    match name {
        "duplicates" => {
            let duplicates =
                if value.is_none() { Some(1) } else { text.parse().ok().filter(|n| (1..=100).contains(n)) };
            duplicates.map(CallbackFault::Duplicates).ok_or_else(|| wrong("needs a number from 1 to 100"))
        }
        "late" => duration(text)
            .map(CallbackFault::Late)
            .ok_or_else(|| wrong("needs a duration such as 75s, in simulated time")),
        "dropped" => none(CallbackFault::Dropped),
        "swapped" => none(CallbackFault::Swapped),
        "first-form" => none(CallbackFault::FirstForm),
        "unknown-event" if !text.is_empty() => Ok(CallbackFault::UnknownEvent(text.to_owned())),
        "unknown-event" => Err(wrong("needs an event code, such as unknown-event=listing_translated")),
        _ => none(CallbackFault::UnknownFields),
    }
}
