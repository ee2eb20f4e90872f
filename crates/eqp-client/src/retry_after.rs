//! How long a server asks to wait: the header `Retry-After`, in seconds or as a date. No I/O.

use std::time::{Duration, SystemTime};

use http::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The wait that `headers` ask for, if they ask for one that can be read.
///
/// A date is compared with the server's own clock, which the header `Date` tells: so a wrong clock of this machine
/// (`now`) counts only where the server does not say what time it is. A date that has passed asks for no wait.
pub(crate) fn asked(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let asked = text(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let server_now = text(headers, &DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    Some(until.duration_since(server_now.unwrap_or(now)).unwrap_or(Duration::ZERO))
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
            ("", "", None),
            ("-1", "", None),
            ("1.5", "", None),
            ("soon", "", None),
            ("99999999999999999999999", "", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(asked_for));
            if !date.is_empty() {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            assert_eq!(asked(&headers, here), seconds.map(Duration::from_secs), "{asked_for} at {date}");
        }
        assert_eq!(asked(&HeaderMap::new(), here), None);
    }
}
