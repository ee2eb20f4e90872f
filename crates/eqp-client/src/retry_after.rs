//! Parses the header `Retry-After`, in seconds or as a date.
//!
//! HTTP allows whole seconds and three date formats. Gateways also send fractions of seconds and dates in RFC 2822 or ISO 8601 format.

use std::time::{Duration, SystemTime};

use http::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use time::format_description::well_known::{Iso8601, Rfc2822};
use time::{OffsetDateTime, PrimitiveDateTime};

/// Returns the wait that `headers` request, if there is one that can be parsed.
///
/// A date is compared with the server's clock in the header `Date`, so that a wrong clock on this machine does no harm.
/// `now` is only used without this header. A date in the past results in no wait.
pub(crate) fn requested_wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    if let Some(seconds) = seconds(value) {
        return Some(seconds);
    }
    let until = date(value)?;
    let server_now = text(headers, &DATE).and_then(date);
    Some(until.duration_since(server_now.unwrap_or(now)).unwrap_or(Duration::ZERO))
}

/// Parses seconds, with or without a fraction, but no other form of a number such as `1e9` or `inf`.
fn seconds(text: &str) -> Option<Duration> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Duration::try_from_secs_f64(text.parse().ok()?).ok(),
    }
}

/// Parses a date in any format that servers are known to send.
fn date(text: &str) -> Option<SystemTime> {
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Some(date);
    }
    let zoned = OffsetDateTime::parse(text, &Rfc2822).or_else(|_| OffsetDateTime::parse(text, &Iso8601::PARSING));
    if let Ok(date) = zoned {
        return Some(date.into());
    }
    // A date without a zone is in UTC, as everywhere in the API.
    let text = text.strip_suffix("UTC").map_or(text, str::trim_end);
    let plain = PrimitiveDateTime::parse(&text.replacen(' ', "T", 1), &Iso8601::PARSING).ok()?;
    Some(plain.assume_utc().into())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_by_a_date() {
        let here = httpdate::parse_http_date("Tue, 24 Nov 2026 12:00:00 GMT").unwrap();
        // (Retry-After, Date, seconds)
        for (asked_for, date, seconds) in [
            ("7", "", Some(7)),
            (" 7 ", "", Some(7)),
            ("0", "", Some(0)),
            ("Tue, 24 Nov 2026 12:00:30 GMT", "", Some(30)),
            // The server's clock is an hour ahead of ours, or behind it.
            ("Tue, 24 Nov 2026 13:00:05 GMT", "Tue, 24 Nov 2026 13:00:00 GMT", Some(5)),
            ("Tue, 24 Nov 2026 11:00:05 GMT", "Tue, 24 Nov 2026 11:00:00 GMT", Some(5)),
            ("Tue, 24 Nov 2026 11:59:59 GMT", "", Some(0)),
            ("Tue, 24 Nov 2026 12:00:09 GMT", "midday", Some(9)),
            // The two older forms that HTTP still allows.
            ("Tuesday, 24-Nov-26 12:00:30 GMT", "", Some(30)),
            ("Tue Nov 24 12:00:30 2026", "", Some(30)),
            ("Tue Nov  3 12:00:30 2026", "Tue, 03 Nov 2026 12:00:00 GMT", Some(30)),
            // Forms that HTTP does not allow, and gateways send.
            ("Tue, 24 Nov 2026 13:00:30 +0100", "", Some(30)),
            ("24 Nov 2026 12:00:30 GMT", "", Some(30)),
            ("2026-11-24T12:00:30Z", "", Some(30)),
            ("2026-11-24T12:00:30.000Z", "", Some(30)),
            ("2026-11-24T14:00:30+02:00", "", Some(30)),
            ("2026-11-24 12:00:30", "", Some(30)),
            ("2026-11-24 12:00:30 UTC", "", Some(30)),
            ("20261124T120030Z", "", Some(30)),
            ("", "", None),
            ("-1", "", None),
            ("1e3", "", None),
            ("inf", "", None),
            ("1.2.3", "", None),
            (".", "", None),
            ("soon", "", None),
            ("99999999999999999999999", "", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(asked_for));
            if !date.is_empty() {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            assert_eq!(requested_wait(&headers, here), seconds.map(Duration::from_secs), "{asked_for} at {date}");
        }
        assert_eq!(requested_wait(&HeaderMap::new(), here), None);
    }

    #[test]
    fn a_fraction_of_a_second_is_waited_too() {
        for (asked_for, milliseconds) in [("1.5", 1500), ("0.25", 250), ("2.", 2000), (".5", 500), ("7.000", 7000)] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(asked_for));
            assert_eq!(
                requested_wait(&headers, SystemTime::now()),
                Some(Duration::from_millis(milliseconds)),
                "{asked_for}"
            );
        }
    }
}
