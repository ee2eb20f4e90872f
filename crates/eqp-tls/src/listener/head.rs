//! Rejects request heads that hyper accepts but a proxy could interpret differently, which would allow request smuggling (RFC
//! 9112, sections 3.2 and 6.1).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderValue, Request, StatusCode, Version};

/// The maximum size of a request head in bytes. A longer one is answered 431. Callbacks have about 500. It limits how much memory
/// a connection without a credential can use.
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The reason why a head is rejected. The connection is closed after the response.
#[derive(Debug)]
pub(super) struct RejectedHead {
    status: StatusCode,
    reason: &'static str,
}

/// Rejects a request whose host or body length is ambiguous.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), RejectedHead> {
    host(request)?;
    transfer_encoding(request)
}

fn host<B>(request: &Request<B>) -> Result<(), RejectedHead> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(rejected(StatusCode::BAD_REQUEST, "there is more than one Host header")),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => Err(rejected(StatusCode::BAD_REQUEST, "the Host header is not a host name or address")),
        (None, None) if request.version() < Version::HTTP_11 => Ok(()),
        (None, None) => Err(rejected(StatusCode::BAD_REQUEST, "the Host header is missing")),
    }
}

fn is_host(value: &HeaderValue) -> bool {
    // RFC 9112 requires an empty Host header if the target has no authority.
    value.is_empty() || (!value.as_bytes().contains(&b'@') && Authority::try_from(value.as_bytes()).is_ok())
}

fn transfer_encoding<B>(request: &Request<B>) -> Result<(), RejectedHead> {
    let values = request.headers().get_all(TRANSFER_ENCODING).iter();
    let mut chunked = 0;
    for coding in values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
        match coding.trim_ascii() {
            b"" => {}
            coding if coding.eq_ignore_ascii_case(b"chunked") => chunked += 1,
            _ => return Err(rejected(StatusCode::NOT_IMPLEMENTED, "only the transfer coding chunked is supported")),
        }
    }
    if chunked > 1 { Err(rejected(StatusCode::BAD_REQUEST, "the body is chunked twice")) } else { Ok(()) }
}

fn rejected(status: StatusCode, reason: &'static str) -> RejectedHead {
    RejectedHead { status, reason }
}

impl IntoResponse for RejectedHead {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, "application/json"), (CONNECTION, "close")];
        // The reasons contain nothing that JSON would escape.
        (self.status, headers, Body::from(format!(r#"{{"reason":"{}"}}"#, self.reason))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, headers: &[(&str, &str)]) -> Option<u16> {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap()).err().map(|rejected| rejected.status.as_u16())
    }

    #[test]
    fn exactly_one_valid_host_header_is_accepted() {
        for (hosts, expected) in [
            (&["localhost"] as &[&str], None),
            (&["callbacks.example.com:8443"], None),
            (&["[::1]:8443"], None),
            (&["my_host"], None),
            (&[""], None),
            (&[], Some(400)),
            (&["a", "b"], Some(400)),
            (&["a", "a"], Some(400)),
            (&["a, b"], Some(400)),
            (&["a b"], Some(400)),
            (&["user@a"], Some(400)),
            (&["a/b"], Some(400)),
        ] {
            let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            assert_eq!(status(Version::HTTP_11, &headers), expected, "{hosts:?}");
        }
        assert_eq!(status(Version::HTTP_10, &[]), None);
        assert_eq!(status(Version::HTTP_10, &[("host", "a"), ("host", "b")]), Some(400));
    }

    #[test]
    fn only_chunked_is_accepted_and_only_once() {
        for (codings, expected) in [
            (&["chunked"] as &[&str], None),
            (&["Chunked"], None),
            (&[", chunked"], None),
            (&["gzip, chunked"], Some(501)),
            (&["gzip", "chunked"], Some(501)),
            (&["identity, chunked"], Some(501)),
            (&["chunked, chunked"], Some(400)),
            (&["chunked", "chunked"], Some(400)),
        ] {
            let mut headers = vec![("host", "a")];
            headers.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            assert_eq!(status(Version::HTTP_11, &headers), expected, "{codings:?}");
        }
    }
}
