//! The time of the week at which digests are created.

use std::fmt;
use std::str::FromStr;

use time::{Duration, OffsetDateTime, Time, Weekday};

/// The time of the week at which digests are created, in UTC: Monday, 08:00 by default.
///
/// ```
/// use eqp_deliver::DigestTime;
///
/// assert_eq!(DigestTime::default().to_string(), "Mon 08:00");
/// assert_eq!("fri 17:30".parse::<DigestTime>()?.to_string(), "Fri 17:30");
/// # Ok::<(), eqp_deliver::DigestTimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestTime {
    weekday: Weekday,
    time: Time,
}

/// The error that a text is not a time of the week.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a day and a time of the week such as `Mon 08:00`")]
pub struct DigestTimeError {
    text: String,
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

impl DigestTime {
    /// Returns the end of the last week before `now`, unless the digests of that week were created already.
    pub(crate) fn due(self, now: OffsetDateTime, last: Option<OffsetDateTime>) -> Option<OffsetDateTime> {
        let week = self.last_before(now);
        let of_year = |at: OffsetDateTime| {
            let (year, week, _) = at.date().to_iso_week_date();
            (year, week)
        };
        // If the time was changed, there is still one digest in each week of the calendar.
        let is_created = last.is_some_and(|last| last >= week || of_year(last) == of_year(week));
        (!is_created).then_some(week)
    }

    fn last_before(self, now: OffsetDateTime) -> OffsetDateTime {
        let now = now.to_offset(time::UtcOffset::UTC);
        let days = now.weekday().number_days_from_monday() + 7 - self.weekday.number_days_from_monday();
        let today = now.replace_time(self.time) - Duration::days(i64::from(days % 7));
        if today <= now { today } else { today - Duration::WEEK }
    }
}

impl Default for DigestTime {
    fn default() -> Self {
        Self { weekday: Weekday::Monday, time: Time::from_hms(8, 0, 0).expect("the time is a constant") }
    }
}

impl FromStr for DigestTime {
    type Err = DigestTimeError;

    fn from_str(text: &str) -> Result<Self, DigestTimeError> {
        let read = || {
            let (day, time) = text.trim().split_once(' ')?;
            let (_, weekday) = WEEKDAYS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(day))?;
            let (hour, minute) = time.trim().split_once(':')?;
            let is_number = |digits: &str| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            let two = |digits: &str| is_number(digits).then(|| digits.parse::<u8>().ok()).flatten();
            Some(Self { weekday, time: Time::from_hms(two(hour)?, two(minute)?, 0).ok()? })
        };
        read().ok_or_else(|| DigestTimeError { text: text.chars().take(40).collect() })
    }
}

impl fmt::Display for DigestTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = WEEKDAYS[usize::from(self.weekday.number_days_from_monday())].0;
        write!(f, "{name} {:02}:{:02}", self.time.hour(), self.time.minute())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_time_of_the_week_is_read_and_written() {
        for text in ["Mon 08:00", "Sun 23:59", "Wed 00:00"] {
            assert_eq!(text.parse::<DigestTime>().unwrap().to_string(), text);
        }
        for text in ["", "Mon", "Monday 08:00", "Mon 8:00", "Mon 24:00", "Mon 08:60", "Mon 08:00 UTC", "Mon +8:00"] {
            assert!(text.parse::<DigestTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_digests_of_a_week_are_due_once() {
        let monday = DigestTime::default();
        let week = datetime!(2026-11-30 08:00 UTC);
        for (now, last, due) in [
            (datetime!(2026-11-30 08:00 UTC), None, Some(week)),
            (datetime!(2026-11-30 07:59:59 UTC), None, Some(week - Duration::WEEK)),
            (datetime!(2026-11-30 09:59 +02:00), Some(week - Duration::WEEK), None),
            (datetime!(2026-11-30 08:00 UTC), Some(week - Duration::WEEK), Some(week)),
            (datetime!(2026-12-06 23:00 UTC), Some(week), None),
            // Nothing was running for two weeks: there is one digest, of the last one.
            (datetime!(2026-12-02 10:00 UTC), Some(week - Duration::WEEK * 3), Some(week)),
            // A clock that went back.
            (datetime!(2026-11-24 10:00 UTC), Some(week), None),
        ] {
            assert_eq!(monday.due(now, last), due, "{now} {last:?}");
        }
        // The time was changed from Monday to Friday.
        let friday: DigestTime = "Fri 17:00".parse().unwrap();
        assert_eq!(friday.due(datetime!(2026-12-04 18:00 UTC), Some(week)), None);
        let next = datetime!(2026-12-11 17:00 UTC);
        assert_eq!(friday.due(next, Some(week)), Some(next));
    }
}
