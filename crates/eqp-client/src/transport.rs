//! The only place that sends: one try of one call, with a deadline, its answer read up to a limit.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use eqp_types::Secret;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::multipart::Form;
use url::Url;

use crate::answer::Answer;
use crate::endpoint::{Endpoint, Method};
use crate::error::Error;
use crate::failure;
use crate::problem::Call;

/// What a request carries.
pub(crate) enum Body {
    /// Nothing.
    None,
    /// JSON, already written: it may hold passwords and has no `Debug`.
    Json(Bytes),
    /// A form, made anew for every try.
    Form(Arc<dyn Fn() -> Form + Send + Sync>),
}

/// One call, ready to be sent as often as needed.
pub(crate) struct Request {
    pub(crate) endpoint: &'static Endpoint,
    /// The path below the API's base URL, encoded.
    path: String,
    query: Vec<(&'static str, String)>,
    body: Body,
    /// What the body holds and no error may show.
    secrets: Vec<Secret>,
    /// Time beyond the deadline that a large body may take.
    allowance: Duration,
}

impl Request {
    /// A call of `endpoint` with `ids` in its path.
    pub(crate) fn new(endpoint: &'static Endpoint, ids: &[&str]) -> Result<Self, Error> {
        let path = endpoint.fill(ids).map_err(|segment| Error::UnusableId { id: segment.0 })?;
        Ok(Self { endpoint, path, query: Vec::new(), body: Body::None, secrets: Vec::new(), allowance: Duration::ZERO })
    }

    /// Adds query parameters.
    pub(crate) fn query(mut self, pairs: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.query.extend(pairs);
        self
    }

    /// Sends `value` as JSON.
    pub(crate) fn json(mut self, value: &impl serde::Serialize) -> Result<Self, Error> {
        self.body = Body::Json(serde_json::to_vec(value).map_err(Error::Unwritable)?.into());
        Ok(self)
    }

    /// Keeps these secrets of the body out of every error, should an answer repeat them.
    pub(crate) fn hiding(mut self, secrets: Vec<Secret>) -> Self {
        self.secrets = secrets;
        self
    }

    /// Sends a form of `length` bytes, which may take as long as a slow line needs for it.
    pub(crate) fn form(mut self, length: u64, make: impl Fn() -> Form + Send + Sync + 'static) -> Self {
        /// The slowest line that an upload is waited for, in bytes per second.
        const SLOWEST_LINE: u64 = 32 * 1024;
        self.allowance = Duration::from_secs(length / SLOWEST_LINE);
        self.body = Body::Form(Arc::new(make));
        self
    }
}

/// How a request proves who sends it.
pub(crate) enum Authorization<'a> {
    /// The access key; for the token call only.
    Key { id: &'a str, secret: &'a Secret },
    /// A session token.
    Token(&'a Secret),
}

/// The HTTP client with what bounds it.
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    /// The proxy that requests go through, for errors.
    pub(crate) proxy: Option<String>,
    /// Without a slash at its end; `/rest/v1` is not part of it.
    pub(crate) base: Url,
    /// For one try, from its start to the last byte of its answer.
    pub(crate) deadline: Duration,
    /// The most bytes that an answer may have.
    pub(crate) largest_answer: usize,
}

impl Transport {
    /// Sends `request` once and reads its answer.
    pub(crate) async fn send(&self, request: &Request, who: Authorization<'_>) -> Result<Answer, Error> {
        let url = self.url(request);
        let endpoint = request.endpoint;
        let call = Call { endpoint, path: url.path().to_owned() };
        let deadline = self.deadline + request.allowance;
        let failed = |error: reqwest::Error| failure::of_send(error, &call, &self.peer(), deadline);

        let (authorization, mut hidden) = authorization(&who);
        hidden.extend(request.secrets.iter().cloned());
        let mut builder = self
            .http
            .request(method(endpoint.method), url)
            .timeout(deadline)
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
        let too_large = |bytes: u64| usize::try_from(bytes).map_or(true, |bytes| bytes > self.largest_answer);
        // What says beforehand that it is too large is not begun.
        if response.content_length().is_some_and(too_large) {
            return Err(Error::TooLarge { call, limit: self.largest_answer });
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.largest_answer {
                return Err(Error::TooLarge { call, limit: self.largest_answer });
            }
            body.extend_from_slice(&chunk);
        }
        tracing::debug!(call = endpoint.name, status, bytes = body.len(), "answered");
        Answer { call, status, headers, body: body.freeze(), hidden }.checked()
    }

    /// Whom we talk to, and through whom, as errors name it.
    fn peer(&self) -> String {
        let name = self.base.host_str().unwrap_or_default();
        let host = self.base.port_or_known_default().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        match &self.proxy {
            Some(proxy) => format!("{host} through the proxy {proxy}"),
            None => host,
        }
    }

    fn url(&self, request: &Request) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/rest/v1{}", self.base.path().trim_end_matches('/'), request.path));
        url.set_query(request.endpoint.path_and_query().1);
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

/// The header's value, marked as sensitive, and the secrets in it.
fn authorization(who: &Authorization<'_>) -> (HeaderValue, Vec<Secret>) {
    let (text, hidden) = match who {
        Authorization::Key { id, secret } => {
            use base64::Engine as _;
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{}", secret.expose()));
            (format!("Basic {pair}"), vec![Secret::clone(secret), Secret::new(pair)])
        }
        Authorization::Token(token) => (format!("Bearer {}", token.expose()), vec![Secret::clone(token)]),
    };
    // A token with bytes that no header can hold would be refused anyway: send none, and be told so by a 401.
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    (value, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint;

    fn url(base: &str, request: &Request) -> String {
        let transport = Transport {
            http: reqwest::Client::new(),
            proxy: None,
            base: base.parse().unwrap(),
            deadline: Duration::from_secs(1),
            largest_answer: 1,
        };
        transport.url(request).to_string()
    }

    #[test]
    fn ids_reach_the_url_as_they_were_encoded() {
        let request = Request::new(&endpoint::PACKAGES_BY_SKU, &["vendor/a b?c#d%2F🦀"]).unwrap();
        assert_eq!(
            url("https://api.example", &request),
            "https://api.example/rest/v1/products/packages/skus/vendor%2Fa%20b%3Fc%23d%252F%F0%9F%A6%80"
        );
    }

    #[test]
    fn a_base_url_may_have_a_path_of_its_own() {
        let request = Request::new(&endpoint::USERS_SUMMARY, &["MAG1"]).unwrap();
        for base in ["https://proxy.example/market", "https://proxy.example/market/"] {
            assert_eq!(url(base, &request), "https://proxy.example/market/rest/v1/users/MAG1?style=summary");
        }
    }

    #[test]
    fn query_values_are_encoded() {
        let request = Request::new(&endpoint::PACKAGES_LIST, &[]).unwrap();
        let request = request.query([("sort", "+name,-sku".to_owned()), ("name", "a&b = ü".to_owned())]);
        assert_eq!(
            url("https://api.example", &request),
            "https://api.example/rest/v1/products/packages?sort=%2Bname%2C-sku&name=a%26b+%3D+%C3%BC"
        );
    }
}
