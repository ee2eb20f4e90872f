//! Which events are wanted.

use clap::Args;
use eqp_receiver::{EventFilter, EventKind, Mark};
use eqp_types::{Flow, Timestamp};
use time::{Duration, OffsetDateTime};

use crate::config::MarketplaceOptions;

/// Which events; nothing said means all.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which events")]
pub(crate) struct Wanted {
    /// Of this submission or file
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Of this flow: overall, technical, marketing or malware
    #[arg(long, value_name = "FLOW", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(Flow::from(text)))]
    flow: Option<Flow>,
    /// With this outcome, such as `approved`
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Of this kind: submission, file, unknown or undecodable
    #[arg(long, value_name = "KIND")]
    kind: Option<EventKind>,
    /// With this mark: none, again, tied or late
    #[arg(long, value_name = "MARK")]
    mark: Option<Mark>,
    /// Received since then: a UTC time (`2026-01-31 12:00:00`, RFC 3339, a date) or an age (`90s`, `15m`, `2h`, `3d`)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<OffsetDateTime>,
}

impl Wanted {
    /// The question to the database. The environment counts only where it was named: a database can hold both.
    pub(crate) fn filter(self, marketplace: &MarketplaceOptions) -> EventFilter {
        EventFilter {
            environment: marketplace.environment,
            subject: self.subject,
            flow: self.flow,
            outcome: self.outcome,
            kind: self.kind,
            mark: self.mark,
            since: self.since,
            ..EventFilter::default()
        }
    }
}

fn since(text: &str) -> Result<OffsetDateTime, String> {
    if let Ok(age) = duration(text) {
        return OffsetDateTime::now_utc().checked_sub(age).ok_or_else(|| "is too long ago".to_owned());
    }
    text.parse::<Timestamp>().map(Timestamp::moment).map_err(|_| {
        "is neither a UTC time (2026-01-31 12:00:00, RFC 3339, a date) nor an age (90s, 15m, 2h, 3d)".to_owned()
    })
}

/// Reads `90s`, `15m`, `2h`, `3d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
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
    number.checked_mul(unit).map(Duration::seconds).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::seconds(90)));
        assert_eq!(duration("3d"), Ok(Duration::days(3)));
        for text in ["", "5", "m", "5x", "-5m", "99999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn since_takes_a_time_or_an_age() {
        assert_eq!(since("2026-01-31").unwrap(), time::macros::datetime!(2026-01-31 0:00 UTC));
        assert!(OffsetDateTime::now_utc() - since("2h").unwrap() >= Duration::hours(2));
        assert!(since("yesterday").is_err());
    }
}
