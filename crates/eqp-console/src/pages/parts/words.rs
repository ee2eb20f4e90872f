//! Words and parts of paths.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Returns a number with its noun, such as `1 alert` or `2 alerts`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if count == 1 => format!("1 {noun}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {noun}s"),
    }
}

/// Encodes a segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!(
            [counted(1, "alert"), counted(0, "alert"), counted(2, "delivery")],
            ["1 alert", "0 alerts", "2 deliveries"]
        );
        assert_eq!(segment("listen/ops@host"), "listen%2Fops%40host");
    }
}
