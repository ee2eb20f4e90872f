//! Sends one attempt of a call, with a time limit, and reads its response up to a maximum size.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use eqp_types::Secret;
use eqp_types::calls::{ApiCall, Method};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::multipart::Form;
use url::Url;

use crate::answer::Answer;
use crate::calls::path_of;
use crate::error::Error;
use crate::failure;
use crate::problem::Call;
use crate::proxy::THROUGH_PROXY;

/// The body of a request.
pub(crate) enum Body {
    /// No body.
    None,
    /// Serialized JSON. It may contain passwords, so this type does not implement `Debug`.
    Json(Bytes),
    /// A multipart form, created again for every attempt.
    Form(Arc<dyn Fn() -> Form + Send + Sync>),
}

/// A call that can be sent more than once.
pub(crate) struct Request {
    pub(crate) api_call: &'static ApiCall,
    /// The path below the API's base URL, encoded.
    path: String,
    query: Vec<(&'static str, String)>,
    body: Body,
    /// Secrets in the body, which must not appear in errors.
    secrets: Vec<Secret>,
    /// Additional time for a large body.
    allowance: Duration,
}

impl Request {
    /// Creates a request for `api_call` with `ids` in its path.
    pub(crate) fn new(api_call: &'static ApiCall, ids: &[&str]) -> Result<Self, Error> {
        let path = path_of(api_call, ids).map_err(|segment| Error::UnusableId { id: segment.0 })?;
        Ok(Self { api_call, path, query: Vec::new(), body: Body::None, secrets: Vec::new(), allowance: Duration::ZERO })
    }

    /// Adds query parameters.
    pub(crate) fn query(mut self, pairs: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.query.extend(pairs);
        self
    }

    /// Sends `value` as JSON.
    pub(crate) fn json(mut self, value: &impl serde::Serialize) -> Result<Self, Error> {
        self.body = Body::Json(serde_json::to_vec(value).map_err(|error| Error::Unwritable(error.into()))?.into());
        Ok(self)
    }

    /// Hides these secrets of the body in every error, in case the response repeats them.
    pub(crate) fn hiding(mut self, secrets: Vec<Secret>) -> Self {
        self.secrets = secrets;
        self
    }

    /// Sends a form of `length` bytes, with enough time for a slow connection.
    pub(crate) fn form(mut self, length: u64, make: impl Fn() -> Form + Send + Sync + 'static) -> Self {
        /// The slowest supported upload rate, in bytes per second.
        const MIN_UPLOAD_RATE: u64 = 32 * 1024;
        self.allowance = Duration::from_secs(length / MIN_UPLOAD_RATE);
        self.body = Body::Form(Arc::new(make));
        self
    }
}

/// How a request is authenticated.
pub(crate) enum Authorization<'a> {
    /// The access key, used only to request a session token.
    Key { id: &'a str, secret: &'a Secret },
    /// A session token.
    Token(&'a Secret),
}

/// The HTTP client and its limits.
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    /// The proxy, for error messages.
    pub(crate) proxy: Option<String>,
    /// The base URL, without `/rest/v1`.
    pub(crate) base: Url,
    /// The time limit of one attempt, from its start to the last byte of the response.
    pub(crate) timeout: Duration,
    /// The maximum size of a response, in bytes.
    pub(crate) max_response_size: usize,
}

impl Transport {
    /// Sends `request` once and reads its response.
    pub(crate) async fn send(&self, request: &Request, credentials: Authorization<'_>) -> Result<Answer, Error> {
        let url = self.url(request);
        let api_call = request.api_call;
        let call = Call { api_call, path: url.path().to_owned() };
        let timeout = self.timeout + request.allowance;
        let failed = |error: reqwest::Error| failure::of_send(error, &call, &self.peer(), timeout);

        let (authorization, mut hidden) = authorization(&credentials);
        hidden.extend(request.secrets.iter().cloned());
        let mut builder = self
            .http
            .request(method(api_call.method), url)
            .timeout(timeout)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        builder = match &request.body {
            Body::None => builder,
            Body::Json(bytes) => {
                builder.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(bytes.clone())
            }
            Body::Form(make) => builder.multipart(make()),
        };
        let mut response = builder.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let too_large = |bytes: u64| usize::try_from(bytes).map_or(true, |bytes| bytes > self.max_response_size);
        // Reject a body that is announced as too large without reading any of it.
        if response.content_length().is_some_and(too_large) {
            return Err(Error::TooLarge { call, limit: self.max_response_size });
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.max_response_size {
                return Err(Error::TooLarge { call, limit: self.max_response_size });
            }
            body.extend_from_slice(&chunk);
        }
        tracing::debug!(call = api_call.name, status, bytes = body.len(), "response received");
        Answer { call, status, headers, body: body.freeze(), hidden }.checked()
    }

    /// Returns the host and the proxy for error messages.
    fn peer(&self) -> String {
        let name = self.base.host_str().expect("an https URL has a host");
        let host = self.base.port_or_known_default().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        match &self.proxy {
            Some(proxy) => format!("{host}{THROUGH_PROXY}{proxy}"),
            None => host,
        }
    }

    fn url(&self, request: &Request) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/rest/v1{}", self.base.path().trim_end_matches('/'), request.path));
        url.set_query(request.api_call.query);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        url
    }
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// Returns the value of the header `Authorization`, marked as sensitive, and the secrets that it contains.
fn authorization(credentials: &Authorization<'_>) -> (HeaderValue, Vec<Secret>) {
    let (text, hidden) = match credentials {
        Authorization::Key { id, secret } => {
            use base64::Engine as _;
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{}", secret.expose()));
            (format!("Basic {pair}"), vec![Secret::clone(secret), Secret::new(pair)])
        }
        Authorization::Token(token) => (format!("Bearer {}", token.expose()), vec![Secret::clone(token)]),
    };
    // A token with bytes that are not allowed in a header cannot be valid. An empty header makes the server answer 401.
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    (value, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eqp_types::calls;

    fn url(base: &str, request: &Request) -> String {
        let transport = Transport {
            http: reqwest::Client::new(),
            proxy: None,
            base: base.parse().unwrap(),
            timeout: Duration::from_secs(1),
            max_response_size: 1,
        };
        transport.url(request).to_string()
    }

    #[test]
    fn ids_reach_the_url_as_they_were_encoded() {
        let request = Request::new(&calls::PACKAGES_BY_SKU, &["vendor/a b?c#d%2F🦀"]).unwrap();
        assert_eq!(
            url("https://api.example", &request),
            "https://api.example/rest/v1/products/packages/skus/vendor%2Fa%20b%3Fc%23d%252F%F0%9F%A6%80"
        );
    }

    #[test]
    fn a_base_url_may_have_a_path_of_its_own() {
        let request = Request::new(&calls::USERS_SUMMARY, &["MAG1"]).unwrap();
        for base in ["https://proxy.example/market", "https://proxy.example/market/"] {
            assert_eq!(url(base, &request), "https://proxy.example/market/rest/v1/users/MAG1?style=summary");
        }
    }

    #[test]
    fn query_values_are_encoded() {
        let request = Request::new(&calls::PACKAGES_LIST, &[]).unwrap();
        let request = request.query([("sort", "+name,-sku".to_owned()), ("name", "a&b = ü".to_owned())]);
        assert_eq!(
            url("https://api.example", &request),
            "https://api.example/rest/v1/products/packages?sort=%2Bname%2C-sku&name=a%26b+%3D+%C3%BC"
        );
    }
}
