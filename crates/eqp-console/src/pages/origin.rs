//! Checks that a form was sent from a page of this server.
//!
//! The cookie's attribute `SameSite` is not sufficient: for browsers, all ports of a host are the same site.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};

use crate::problem::{Problem, ProblemCode};

/// The scheme under which a browser sees the pages. Behind a TLS-terminating proxy, only the browser knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// Returns the scheme of the page that has sent a form. Fails if it is not a page of the host that the request names.
pub(super) fn checked_origin(headers: &HeaderMap) -> Result<Scheme, Problem> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = origins.next().filter(|_| origins.next().is_none()).and_then(|origin| origin.to_str().ok());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(uri) = origin.and_then(|origin| origin.parse::<Uri>().ok()) else {
        return Err(refused("the header `Origin` is missing or malformed"));
    };
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err(refused("the header `Origin` is missing or malformed")),
    };
    if uri.authority().is_none_or(|authority| !authority.as_str().eq_ignore_ascii_case(host)) {
        return Err(refused("the headers `Origin` and `Host` differ; a proxy in front has to pass on the host name"));
    }
    Ok(scheme)
}

/// Returns the error for a form that was not sent from a page of this server.
pub(super) fn refused(reason: &str) -> Problem {
    Problem {
        title: "the form was not sent from a page of this server".to_owned(),
        ..Problem::new(ProblemCode::Forbidden).detail(format!("Nothing was changed: {reason}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_same_host_and_port_can_send_forms() {
        for (origin, host, expected) in [
            ("http://127.0.0.1:8444", "127.0.0.1:8444", Some(Scheme::Http)),
            ("https://ops.example.com", "Ops.example.com", Some(Scheme::Https)),
            ("http://[::1]:8444", "[::1]:8444", Some(Scheme::Http)),
            // Another port of the host.
            ("http://127.0.0.1:9000", "127.0.0.1:8444", None),
            ("https://ops.example.com:8443", "ops.example.com", None),
            ("https://evil.example.com", "ops.example.com", None),
            ("https://ops.example.com.evil.example.com", "ops.example.com", None),
            ("https://ops.example.com@evil.example.com", "ops.example.com", None),
            ("ftp://ops.example.com", "ops.example.com", None),
            ("ops.example.com", "ops.example.com", None),
            ("null", "ops.example.com", None),
            ("", "", None),
        ] {
            let headers = HeaderMap::from_iter([(ORIGIN, origin.parse().unwrap()), (HOST, host.parse().unwrap())]);
            assert_eq!(checked_origin(&headers).ok(), expected, "{origin} {host}");
        }
        assert!(checked_origin(&HeaderMap::from_iter([(HOST, "localhost".parse().unwrap())])).is_err());
    }
}
