//! Durations as people write them.

use time::Duration;

/// Reads `90s`, `15m`, `2h`, `3d`, up to ten years.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::days(3_650);
    let refused = || "is no duration such as 90s, 15m, 2h or 3d".to_owned();
    let split = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(refused)?;
    let (number, unit) = text.split_at(split);
    let number: i64 = number.parse().map_err(|_| refused())?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(refused()),
    };
    let duration = number.checked_mul(unit).map(Duration::seconds).ok_or_else(refused)?;
    if duration > LONGEST { Err("is longer than ten years".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::seconds(90)));
        assert_eq!(duration("3d"), Ok(Duration::days(3)));
        for text in ["", "5", "m", "5x", "-5m", "99999999999999999d", "4000d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
