//! Headers of requests that receivers and tools recognise.

/// The user agent of `eqp trigger`, whose callbacks do not show that the Marketplace calls.
pub const TRIGGER_AGENT: &str = "eqp-trigger";

/// The longest accepted ID in bytes.
const MAX_BYTES: usize = 64;

/// The header that contains the ID of a request.
pub const REQUEST_ID: &str = "x-request-id";

/// Returns whether a header value can be used as the ID of a request: 1 to 64 letters, digits, hyphens, underscores and dots. Anything
/// else could be mistaken for another part of a log line, or fill the log.
#[must_use]
pub fn is_request_id(value: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=MAX_BYTES).contains(&value.len()) && value.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_plain_values_are_request_ids() {
        for value in ["7", "0192f0a1-5f6c-7c3e-8f2a-3b1c2d4e5f60", "req_1.2-A", &"x".repeat(64)] {
            assert!(is_request_id(value.as_bytes()), "{value}");
        }
        for value in ["", "a b", "a\"b", "a=b", "a\u{e9}", "Root=1-67891233", "{}", "a,b", &"x".repeat(65)] {
            assert!(!is_request_id(value.as_bytes()), "{value}");
        }
    }
}
