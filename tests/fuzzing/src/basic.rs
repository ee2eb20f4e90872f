//! Target: the `Authorization` header of a request.

use eqp_receiver::fuzzing;

/// Reads the bytes as the value of an `Authorization` header.
///
/// # Panics
/// If the result differs from RFC 7617.
pub fn basic(value: &[u8]) {
    let Some((username, _)) = fuzzing::basic(value) else { return };
    assert!(!username.contains(':'), "the first colon ends the user name");
    let scheme = value.split(|byte| *byte == b' ').next().unwrap_or_default();
    assert!(scheme.eq_ignore_ascii_case(b"basic"), "another scheme is taken for Basic");
}
