//! The values of a rule's text: durations and sizes.

use std::time::Duration;

/// Parses a duration such as `250ms`, `2s`, `5m`, `1h` or `3d`, of at most a year.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_hours(365 * 24);
    let split = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => number,
        "s" => number.checked_mul(1_000)?,
        "m" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(milliseconds)).filter(|length| *length <= LONGEST)
}

/// Returns the shortest text that [`duration`] parses as this duration (of whole milliseconds).
pub(crate) fn written_duration(length: Duration) -> String {
    let milliseconds = length.as_millis();
    if milliseconds.is_multiple_of(1_000) { format!("{}s", milliseconds / 1_000) } else { format!("{milliseconds}ms") }
}

/// Parses a size in bytes such as `1000`, `64KB`, `100MB` or `2GB`; a kilobyte has 1,000 bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_a_unit() {
        for (text, milliseconds) in [("250ms", 250), ("2s", 2_000), ("5m", 300_000), ("1h", 3_600_000)] {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "2", "s", "-2s", "2 s", "99999999999999999999s", "400d"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["250ms", "2s", "90s"] {
            assert_eq!(written_duration(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn sizes_may_have_a_unit() {
        assert_eq!((size("100MB"), size("7"), size("2KB")), (Some(100_000_000), Some(7), Some(2_000)));
        assert_eq!((size(""), size("MB"), size("1TB")), (None, None, None));
    }
}
