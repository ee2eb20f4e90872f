//! The ID of a request, which its log lines and its response contain.

use std::fmt;

use axum::response::Response;
use eqp_store::internal::{REQUEST_ID, is_request_id};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static(REQUEST_ID);

/// The ID of a request. A callback is stored under the generated one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestId {
    /// The ID that the proxy in front has assigned.
    OfProxy(HeaderValue),
    /// A new ID.
    Generated(Uuid),
}

impl RequestId {
    /// Returns the ID that the proxy in front has assigned, if it is trusted and the ID is usable, otherwise a new one.
    pub(super) fn of(headers: &HeaderMap, behind_proxy: bool) -> Self {
        let given = if behind_proxy { given(headers) } else { None };
        given.map_or_else(|| Self::Generated(Uuid::now_v7()), Self::OfProxy)
    }

    /// Returns the ID under which the callback of this request is stored.
    pub(super) fn callback_id(&self) -> Uuid {
        match self {
            Self::OfProxy(_) => Uuid::now_v7(),
            Self::Generated(id) => *id,
        }
    }

    /// Adds the ID to a response.
    pub(super) fn add_to(self, response: &mut Response) {
        let value = match self {
            Self::OfProxy(value) => Ok(value),
            Self::Generated(id) => HeaderValue::from_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer())),
        };
        if let Ok(value) = value {
            response.headers_mut().insert(HEADER, value);
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfProxy(value) => f.write_str(value.to_str().unwrap_or_default()),
            Self::Generated(id) => id.fmt(f),
        }
    }
}

/// Returns the value of the header, if there is one and it can be used as an ID.
fn given(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next().filter(|value| is_request_id(value.as_bytes()))?;
    // Of two values, one may come from the client.
    values.next().is_none().then(|| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_proxy_assigns_an_id() {
        let of = |values: &[&'static str], behind_proxy| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_static(value));
            }
            RequestId::of(&headers, behind_proxy)
        };
        assert_eq!(of(&["abc-1"], true).to_string(), "abc-1");
        for (values, behind_proxy) in
            [(&["abc-1"][..], false), (&["a b"], true), (&[""], true), (&["abc-1", "abc-1"], true), (&[], true)]
        {
            assert!(matches!(of(values, behind_proxy), RequestId::Generated(_)), "{values:?}");
        }
        let generated = of(&[], false);
        assert_eq!(generated.to_string(), generated.callback_id().to_string());
    }
}
