//! The settings of alerts: severities, quiet hours and limits.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use eqp_store::AlertSeverity;
use time::{Duration, OffsetDateTime, Time};

use super::condition::AlertKind;
use super::stuck::StuckLimits;

/// The settings of alerts.
///
/// ```
/// use eqp_sync::AlertSettings;
///
/// let settings = AlertSettings::default().quiet_hours("22:00-07:00".parse()?);
/// # drop(settings);
/// # Ok::<(), eqp_sync::QuietHoursError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertSettings {
    severities: BTreeMap<AlertKind, AlertSeverity>,
    quiet_hours: Option<QuietHours>,
    pub(super) limits: StuckLimits,
}

impl AlertSettings {
    /// Sets the severity of a kind of alert.
    #[must_use]
    pub fn severity(mut self, kind: AlertKind, severity: AlertSeverity) -> Self {
        self.severities.insert(kind, severity);
        self
    }

    /// Sets the hours in which only pages are reported.
    #[must_use]
    pub fn quiet_hours(mut self, quiet_hours: QuietHours) -> Self {
        self.quiet_hours = Some(quiet_hours);
        self
    }

    /// Sets the limits after which a submission or file is stuck.
    #[must_use]
    pub fn limits(mut self, limits: StuckLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(super) fn severity_of(&self, kind: AlertKind) -> AlertSeverity {
        self.severities.get(&kind).copied().unwrap_or_else(|| kind.default_severity())
    }

    /// Returns when a notification of this severity may be sent: now, or at the end of the quiet hours.
    pub(super) fn notify_after(&self, severity: AlertSeverity, now: OffsetDateTime) -> OffsetDateTime {
        match self.quiet_hours {
            Some(quiet_hours) if severity != AlertSeverity::Page => quiet_hours.end(now),
            _ => now,
        }
    }
}

/// The hours of each day, in UTC, in which only pages are reported. Written as `22:00-07:00`.
///
/// ```
/// use eqp_sync::QuietHours;
///
/// let night: QuietHours = "22:00-07:00".parse()?;
/// assert_eq!(night.to_string(), "22:00-07:00");
/// assert!("22-7".parse::<QuietHours>().is_err());
/// # Ok::<(), eqp_sync::QuietHoursError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: Time,
    until: Time,
}

/// The error for a text that does not describe quiet hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("quiet hours are written as 22:00-07:00, with two different times in UTC")]
pub struct QuietHoursError;

impl QuietHours {
    /// Returns `now`, or the end of the quiet hours if they include it.
    fn end(self, now: OffsetDateTime) -> OffsetDateTime {
        let now = now.to_offset(time::UtcOffset::UTC);
        let (from, until, time) = (self.from, self.until, now.time());
        let spans_midnight = from > until;
        let is_quiet = if spans_midnight { time >= from || time < until } else { time >= from && time < until };
        if !is_quiet {
            return now;
        }
        let end = now.replace_time(until);
        if end > now { end } else { end.saturating_add(Duration::DAY) }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, until] = [self.from, self.until];
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), until.hour(), until.minute())
    }
}

impl FromStr for QuietHours {
    type Err = QuietHoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, until) = text.split_once('-').ok_or(QuietHoursError)?;
        let quiet_hours = Self { from: time_of_day(from)?, until: time_of_day(until)? };
        if quiet_hours.from == quiet_hours.until { Err(QuietHoursError) } else { Ok(quiet_hours) }
    }
}

fn time_of_day(text: &str) -> Result<Time, QuietHoursError> {
    let (hour, minute) = text.trim().split_once(':').ok_or(QuietHoursError)?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { digits.parse().map_err(|_| QuietHoursError) } else { Err(QuietHoursError) }
    };
    Time::from_hms(number(hour)?, number(minute)?, 0).map_err(|_| QuietHoursError)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn quiet_hours_end_in_the_morning() {
        let night: QuietHours = "22:00-07:00".parse().unwrap();
        for (now, end) in [
            (datetime!(2026-11-29 21:59:59 UTC), datetime!(2026-11-29 21:59:59 UTC)),
            (datetime!(2026-11-29 22:00 UTC), datetime!(2026-11-30 07:00 UTC)),
            (datetime!(2026-11-30 03:00 UTC), datetime!(2026-11-30 07:00 UTC)),
            (datetime!(2026-11-30 07:00 UTC), datetime!(2026-11-30 07:00 UTC)),
        ] {
            assert_eq!(night.end(now), end, "{now}");
        }
        let lunch: QuietHours = "12:00-13:30".parse().unwrap();
        assert_eq!(lunch.end(datetime!(2026-11-30 13:00 UTC)), datetime!(2026-11-30 13:30 UTC));
        assert_eq!(lunch.end(datetime!(2026-11-30 14:00 UTC)), datetime!(2026-11-30 14:00 UTC));
    }

    #[test]
    fn quiet_hours_never_hold_back_a_page() {
        let settings = AlertSettings::default().quiet_hours("22:00-07:00".parse().unwrap());
        let now = datetime!(2026-11-30 03:00 UTC);
        assert_eq!(settings.notify_after(AlertSeverity::Page, now), now);
        for severity in [AlertSeverity::Ticket, AlertSeverity::Info] {
            assert_eq!(settings.notify_after(severity, now), datetime!(2026-11-30 07:00 UTC));
        }
    }

    #[test]
    fn whatever_is_not_two_times_is_rejected() {
        for text in
            ["", "22:00", "22-07", "22:00-22:00", "24:00-07:00", "2:00-7:00", "+2:00-07:00", "22:00-07:00-08:00"]
        {
            assert_eq!(text.parse::<QuietHours>(), Err(QuietHoursError), "{text}");
        }
    }
}
