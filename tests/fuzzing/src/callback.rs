//! The body of a callback.

use eqp_receiver::fuzzing::{self, Decoded};
use eqp_types::Callback;

/// What is kept of a reason or of an unknown code.
const LONGEST: usize = 250;

/// Reads the bytes as the body of a callback: whether it is JSON, which callback, what it says.
///
/// # Panics
/// The three ways of reading disagree, a callback is not written as it was read, or what is to be shown is not fit for it.
pub fn callback(body: &[u8]) {
    let is_json = fuzzing::is_json(body);
    match fuzzing::decode(body) {
        Decoded::Notice => assert!(is_json, "a notice is in something that would be answered 400"),
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
