//! The meaning of HTTP responses.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};

use crate::AttemptOutcome;

/// The longest wait that a handler can request. Requests for more are shortened to it.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Returns the outcome of an attempt that was answered with `status`.
pub(crate) fn of_status(status: StatusCode, retry_after: Option<Duration>) -> AttemptOutcome {
    match status.as_u16() {
        200..=299 => AttemptOutcome::Delivered,
        400 | 413 | 422 => AttemptOutcome::Invalid,
        410 => AttemptOutcome::Gone,
        429 | 500..=599 => AttemptOutcome::HandlerDown { retry_after },
        // Also 401, 403 and 404, which a deployment of the handler often causes for a while.
        _ => AttemptOutcome::EventFailed { retry_after },
    }
}

/// Returns the wait that a response requests, in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => MAX_RETRY_AFTER,
        // A date in the past requests no wait.
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_an_outcome() {
        let wait = Some(Duration::from_secs(7));
        let failed = AttemptOutcome::EventFailed { retry_after: wait };
        let down = AttemptOutcome::HandlerDown { retry_after: wait };
        for (status, outcome) in [
            (200, AttemptOutcome::Delivered),
            (202, AttemptOutcome::Delivered),
            (204, AttemptOutcome::Delivered),
            (299, AttemptOutcome::Delivered),
            (301, failed.clone()),
            (304, failed.clone()),
            (400, AttemptOutcome::Invalid),
            (401, failed.clone()),
            (403, failed.clone()),
            (404, failed.clone()),
            (408, failed.clone()),
            (409, failed.clone()),
            (410, AttemptOutcome::Gone),
            (413, AttemptOutcome::Invalid),
            (418, failed.clone()),
            (422, AttemptOutcome::Invalid),
            (429, down.clone()),
            (500, down.clone()),
            (503, down.clone()),
            (599, down),
            (600, failed.clone()),
            (999, failed),
        ] {
            assert_eq!(of_status(StatusCode::from_u16(status).unwrap(), wait), outcome, "{status}");
        }
    }

    #[test]
    fn a_wait_can_be_in_seconds_or_a_date_and_is_at_most_an_hour() {
        let now = httpdate::parse_http_date("Fri, 27 Nov 2026 09:15:02 GMT").unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            (" 5 ", Some(5)),
            ("86400", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Fri, 27 Nov 2026 09:17:02 GMT", Some(120)),
            ("Fri, 27 Nov 2026 09:00:00 GMT", Some(0)),
            ("Sat, 28 Nov 2026 09:15:02 GMT", Some(3600)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
