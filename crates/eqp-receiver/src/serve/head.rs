//! What the head of a request must be, beyond what hyper checks: what could be read in two ways by us and by a proxy in
//! front is refused (RFC 9112, sections 3.2 and 6.1).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderValue, Request, StatusCode, Version};

/// The longest head of a request, in bytes, however it is sent; a longer one is answered 431. Callbacks have some 500, and
/// it bounds what a connection without a credential can make us remember.
pub(super) const MOST_BYTES: usize = 16 * 1024;

/// Why a head is refused; the connection ends with the answer.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    reason: &'static str,
}

/// Refuses a request whose host or length is ambiguous.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Refused> {
    host(request)?;
    transfer_encoding(request)
}

fn host<B>(request: &Request<B>) -> Result<(), Refused> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(refused(StatusCode::BAD_REQUEST, "more than one Host header")),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => Err(refused(StatusCode::BAD_REQUEST, "the Host header is not a host name or address")),
        (None, None) if request.version() < Version::HTTP_11 => Ok(()),
        (None, None) => Err(refused(StatusCode::BAD_REQUEST, "the Host header is missing")),
    }
}

fn is_host(value: &HeaderValue) -> bool {
    // A target without an authority comes with an empty one.
    value.is_empty() || (!value.as_bytes().contains(&b'@') && Authority::try_from(value.as_bytes()).is_ok())
}

fn transfer_encoding<B>(request: &Request<B>) -> Result<(), Refused> {
    let values = request.headers().get_all(TRANSFER_ENCODING).iter();
    let mut chunked = 0;
    for coding in values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
        match coding.trim_ascii() {
            b"" => {}
            coding if coding.eq_ignore_ascii_case(b"chunked") => chunked += 1,
            _ => return Err(refused(StatusCode::NOT_IMPLEMENTED, "the only transfer coding is chunked")),
        }
    }
    if chunked > 1 { Err(refused(StatusCode::BAD_REQUEST, "the body is chunked twice")) } else { Ok(()) }
}

fn refused(status: StatusCode, reason: &'static str) -> Refused {
    Refused { status, reason }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, "application/json"), (CONNECTION, "close")];
        // The reasons hold nothing that JSON would escape.
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
        check(&request.body(()).unwrap()).err().map(|refused| refused.status.as_u16())
    }

    #[test]
    fn there_is_one_host_and_it_is_one() {
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
    fn the_only_transfer_coding_is_chunked_once() {
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
