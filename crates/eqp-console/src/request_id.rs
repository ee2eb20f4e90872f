//! The ID of a request to the operator listener, which its log lines and its response contain.

use std::net::IpAddr;

use axum::response::Response;
use eqp_store::internal::{REQUEST_ID, is_request_id};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static(REQUEST_ID);

/// The ID of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// Returns the ID that a proxy on this machine has assigned, if it is usable, otherwise a new one. Other peers are not trusted: they
    /// could use the ID of another request.
    pub(crate) fn of(headers: &HeaderMap, peer: IpAddr) -> Self {
        let given = if peer.to_canonical().is_loopback() { given(headers) } else { None };
        Self(given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }

    /// Returns the span of the request. It has the highest level, so that lines of every level have the ID.
    pub(crate) fn span(&self) -> tracing::Span {
        tracing::error_span!("request", request_id = self.0)
    }

    /// Adds the ID to a response.
    pub(crate) fn add_to(&self, response: &mut Response) {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(HEADER, value);
        }
    }
}

/// Returns the value of the header, if there is one and it can be used as an ID.
fn given(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next().filter(|value| is_request_id(value.as_bytes()))?;
    // Of two values, one may come from the client.
    values.next().is_none().then(|| value.to_str().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_on_this_machine_assigns_an_id() {
        let of = |values: &[&'static str], peer: &str| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_static(value));
            }
            RequestId::of(&headers, peer.parse().unwrap()).0
        };
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(of(&["abc-1"], peer), "abc-1");
        }
        for (values, peer) in
            [(&["abc-1"][..], "192.0.2.1"), (&["a b"], "127.0.0.1"), (&["abc-1", "abc-2"], "127.0.0.1"), (&[], "::1")]
        {
            assert_eq!(of(values, peer).len(), 36, "{values:?} {peer}");
        }
    }
}
