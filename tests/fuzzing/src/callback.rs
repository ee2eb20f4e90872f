//! Target: the body of a callback.

use eqp_receiver::fuzzing::{self, Decoded};
use eqp_types::Callback;

/// The longest stored reason or unknown event code.
const LONGEST: usize = 250;

/// Parses the bytes as the body of a callback: its syntax, its kind, its statuses.
///
/// # Panics
/// If the three parsers disagree, a callback changes when it is written, or a text is not safe to display.
pub fn callback(body: &[u8]) {
    let is_json = fuzzing::is_json(body);
    match fuzzing::decode(body) {
        Decoded::Report => assert!(is_json, "a report is in something that would be answered 400"),
        Decoded::Unknown(code) => {
            assert!(is_json, "a code is in something that would be answered 400");
            assert_fit(&code);
        }
        Decoded::Undecodable(reason) => assert_fit(&reason),
    }
    if let Ok(read) = Callback::decode(body) {
        let written = serde_json::to_vec(&read).expect("what was read can be written");
        assert_eq!(Callback::decode(&written).expect("what was written can be read"), read);
    }
}

fn assert_fit(text: &str) {
    assert!(!text.chars().any(char::is_control), "a terminal would obey {text:?}");
    assert!(text.chars().count() <= LONGEST, "{text:?} is too long to be kept");
}
