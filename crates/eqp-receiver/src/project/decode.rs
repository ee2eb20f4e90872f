//! Decodes the body of a callback or an API read into a status report, or finds the reason why it is undecodable.

use std::error::Error as StdError;

use eqp_types::Callback;

use super::report::StatusReport;
use super::undecodable::{fit, guarded};
use eqp_store::internal::{ReadContext, decode_api_read};

/// A decoded body.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded {
    /// A status report.
    Report(StatusReport),
    /// An undocumented event code, in a form that can be stored and printed.
    Unknown(String),
    /// The reason why the body cannot be decoded, in a form that can be stored and printed.
    Undecodable(String),
    /// Decoding panicked. The report is stored as undecodable with this reason.
    Panicked(String),
}

/// Decodes the body of a callback. A panic is caught, because one callback must not stop the projection of the others.
pub(crate) fn decode(body: &[u8]) -> Decoded {
    guarded(|| decode_unguarded(body)).unwrap_or_else(Decoded::Panicked)
}

/// Decodes a body without catching panics.
pub(crate) fn decode_unguarded(body: &[u8]) -> Decoded {
    #[cfg(debug_assertions)]
    super::undecodable::fault::point(super::undecodable::fault::Stage::Decode, body);
    match Callback::decode(body) {
        Ok(Callback::Unknown(unknown)) => Decoded::Unknown(fit(&unknown.callback_event)),
        Ok(callback) => match StatusReport::of(callback) {
            Ok(report) => Decoded::Report(report),
            Err(error) => Decoded::Undecodable(reason(&error)),
        },
        Err(error) => Decoded::Undecodable(reason(&error)),
    }
}

/// Decodes the body of an API read, as [`decode`] does for a callback.
pub(crate) fn decode_read(context: &ReadContext, body: &[u8]) -> Decoded {
    guarded(|| decode_read_unguarded(context, body)).unwrap_or_else(Decoded::Panicked)
}

fn decode_read_unguarded(context: &ReadContext, body: &[u8]) -> Decoded {
    #[cfg(debug_assertions)]
    super::undecodable::fault::point(super::undecodable::fault::Stage::Decode, body);
    match decode_api_read(context.resource_kind, body) {
        Ok(read) if read.resource_id == context.resource_id => {
            Decoded::Report(StatusReport::of_read(context.resource_kind, read))
        }
        Ok(read) => {
            Decoded::Undecodable(fit(&format!("the API answered about another resource, {}", read.resource_id)))
        }
        Err(error) => Decoded::Undecodable(reason(&error)),
    }
}

/// Returns the text of an error as a reason that can be stored and printed.
pub(crate) fn reason(error: &dyn StdError) -> String {
    fit(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::undecodable::LONGEST_REASON;

    fn reason_of(body: &[u8]) -> String {
        match decode(body) {
            Decoded::Undecodable(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_undecodable_body_has_a_reason() {
        let info = |info: &str| format!(r#"{{"callback_event": "malware_scan_complete", "update_info": {info}}}"#);
        for (body, why) in [
            (b"\xff".to_vec(), "not UTF-8"),
            (b"".to_vec(), "not JSON"),
            (b"[".repeat(100_000), "not JSON"),
            (b"{\"a\": 1}".to_vec(), "`callback_event` is missing"),
            (br#"{"callback_event": "eqp_status_update"}"#.to_vec(), "`update_info` of `eqp_status_update`"),
            (info(r#"{"file_upload_id": "a\u0000", "tool_result": "passed"}"#).into_bytes(), "control character"),
            (info(r#"{"file_upload_id": "a", "tool_result": "\u0000"}"#).into_bytes(), "control character"),
            (info(&format!(r#"{{"file_upload_id": "{}", "tool_result": "pass"}}"#, "x".repeat(256))).into(), "255"),
        ] {
            let reason = reason_of(&body);
            assert!(reason.contains(why), "{reason}");
            assert!(reason.chars().count() <= LONGEST_REASON && !reason.chars().any(char::is_control), "{reason:?}");
        }
    }

    #[test]
    fn an_api_read_must_be_about_the_resource_that_was_requested() {
        let context = |resource_id: &str| ReadContext {
            resource_kind: eqp_store::ResourceKind::Submission,
            resource_id: resource_id.to_owned(),
            began_at: time::OffsetDateTime::UNIX_EPOCH,
            baseline: false,
        };
        let body = br#"{"submission_id": "s1", "eqp_status": {"overall": "draft"}}"#;
        assert!(matches!(decode_read(&context("s1"), body), Decoded::Report(_)));
        for (context, body) in [(context("s2"), &body[..]), (context("s1"), b"<html>")] {
            assert!(matches!(decode_read(&context, body), Decoded::Undecodable(_)));
        }
    }

    #[test]
    fn an_unknown_event_code_is_escaped_and_shortened() {
        let body = format!(r#"{{"callback_event": "\u001b[2J\u0000{}"}}"#, "x".repeat(1000));
        let Decoded::Unknown(code) = decode(body.as_bytes()) else { panic!() };
        assert!(code.starts_with(r"\u{1b}[2J\u{0}xxx") && code.chars().count() == LONGEST_REASON, "{code}");
    }
}
