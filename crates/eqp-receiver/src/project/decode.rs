//! From bytes to a notice, or to the reason why there is none.

use std::error::Error as StdError;

use eqp_types::Callback;

use super::guard::guarded;
use super::notice::Notice;

/// The longest reason that is kept, in characters.
const LONGEST_REASON: usize = 250;

/// What the body of a callback is.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded {
    /// It tells the state of something.
    Notice(Notice),
    /// Its event code, made fit to be kept and shown, is not documented.
    Unknown(String),
    /// Why it cannot be decoded, fit to be kept and shown.
    Undecodable(String),
    /// Decoding it panicked; it is stored as undecodable with this reason.
    Panicked(String),
}

/// Reads a body as it arrived. A panic is caught: one callback must not stop the projection of the others.
pub(crate) fn decode(body: &[u8]) -> Decoded {
    guarded(|| decode_unguarded(body)).unwrap_or_else(Decoded::Panicked)
}

/// Reads a body as it arrived; a fault in the decoder panics.
pub(crate) fn decode_unguarded(body: &[u8]) -> Decoded {
    #[cfg(debug_assertions)]
    super::guard::fault::point(super::guard::fault::Stage::Decode, body);
    match Callback::decode(body) {
        Ok(Callback::Unknown(unknown)) => Decoded::Unknown(fit(&unknown.callback_event)),
        Ok(callback) => match Notice::of(callback) {
            Ok(notice) => Decoded::Notice(notice),
            Err(error) => undecodable(&error),
        },
        Err(error) => undecodable(&error),
    }
}

/// Says why with the words of an error.
pub(crate) fn undecodable(error: &dyn StdError) -> Decoded {
    Decoded::Undecodable(fit(&error.to_string()))
}

/// Bounded, and free of what Postgres refuses or a terminal obeys: the words may be a stranger's.
pub(super) fn fit(text: &str) -> String {
    text.chars().take(LONGEST_REASON).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(body: &[u8]) -> String {
        match decode(body) {
            Decoded::Undecodable(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn says_why_a_body_cannot_be_decoded() {
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
            let reason = reason(&body);
            assert!(reason.contains(why), "{reason}");
            assert!(reason.chars().count() <= LONGEST_REASON && !reason.chars().any(char::is_control), "{reason:?}");
        }
    }

    #[test]
    fn an_unknown_code_is_made_fit_to_be_shown() {
        let body = format!(r#"{{"callback_event": "\u001b[2J\u0000{}"}}"#, "x".repeat(1000));
        let Decoded::Unknown(code) = decode(body.as_bytes()) else { panic!() };
        assert!(code.starts_with("\u{fffd}[2J\u{fffd}xxx") && code.chars().count() == LONGEST_REASON);
    }
}
