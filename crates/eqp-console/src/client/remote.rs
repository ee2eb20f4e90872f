//! Calls a server over HTTP.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use eqp_types::Secret;
use futures_util::StreamExt;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use reqwest::redirect::Policy;
use tokio::time::timeout;
use url::{Host, Url};

use super::stream::Opened;
use super::{Answer, OperatorError, Request, TransportError, is_problem};
use crate::api::events::stream::StreamCause;

/// The time limit of a request, from its start to the last byte of the response. The server limits each of its queries to a minute.
const DEADLINE: Duration = Duration::from_secs(90);
/// The time limit for connecting.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// The time after which a stream without any byte is lost: the server sends a comment every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// The limit of a response, in bytes. A list of 10,000 events has about 8 MB.
const MAX_RESPONSE: usize = 64 * 1024 * 1024;

/// A server and the token for it.
#[derive(Clone)]
pub(super) struct Remote {
    http: reqwest::Client,
    /// Without a time limit for the whole response.
    streaming: reqwest::Client,
    base: Url,
    host: String,
    authorization: HeaderValue,
}

impl Remote {
    pub(super) fn new(url: &Url, token: &Secret, trusted_ca: Option<&[u8]>) -> Result<Self, OperatorError> {
        check(url).map_err(|reason| OperatorError::Url { reason })?;
        let setup = |error| OperatorError::Setup(TransportError::new(error));
        let build = |builder: reqwest::ClientBuilder| {
            let mut builder = builder
                .connect_timeout(CONNECT_DEADLINE)
                // A redirect would send the token to another server.
                .redirect(Policy::none())
                .user_agent(concat!("eqp-console/", env!("CARGO_PKG_VERSION")));
            if is_loopback(url) {
                builder = builder.no_proxy();
            }
            if let Some(pem) = trusted_ca {
                builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
            }
            builder.build()
        };
        let http = build(reqwest::Client::builder().timeout(DEADLINE)).map_err(setup)?;
        let streaming = build(reqwest::Client::builder().read_timeout(SILENCE)).map_err(setup)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| OperatorError::Url { reason: "the token contains characters that cannot be sent" })?;
        authorization.set_sensitive(true);
        let host = url.host_str().map_or_else(String::new, |host| match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        });
        let mut base = url.clone();
        // Joined paths replace everything after the last slash.
        base.set_path(url.path().trim_end_matches('/'));
        Ok(Self { http, streaming, base, host, authorization })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) async fn call(&self, request: Request) -> Result<Answer, OperatorError> {
        let Request { method, path_and_query, body } = request;
        let mut builder = self.request(&self.http, method, &path_and_query);
        if let Some(body) = body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = builder.send().await.map_err(|error| self.error(error))?;
        self.answer(response).await
    }

    pub(super) async fn stream(&self, path_and_query: String) -> Result<Opened, OperatorError> {
        let sent = self.request(&self.streaming, Method::GET, &path_and_query).send();
        // The server answers a stream at once.
        let answered = timeout(CONNECT_DEADLINE + SILENCE, sent).await;
        let response = answered.map_err(|_| OperatorError::TimedOut { host: self.host.clone() })?;
        let response = response.map_err(|error| self.error(error))?;
        if !response.status().is_success() {
            return Err(self.answer(response).await?.into_error());
        }
        let remote = self.clone();
        let body = response.bytes_stream().map(move |piece| piece.map_err(|error| remote.error(error)));
        Ok(Opened { body: Box::pin(body), cause: StreamCause::default() })
    }

    fn request(&self, http: &reqwest::Client, method: Method, path_and_query: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path_and_query}", self.base.as_str().trim_end_matches('/'));
        http.request(method, url)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json, application/problem+json, text/event-stream")
    }

    async fn answer(&self, mut response: reqwest::Response) -> Result<Answer, OperatorError> {
        let (status, is_problem) = (response.status(), is_problem(response.headers()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.error(error))? {
            if body.len() + chunk.len() > MAX_RESPONSE {
                return Err(OperatorError::TooLarge { host: self.host.clone() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, is_problem, body })
    }

    fn error(&self, error: reqwest::Error) -> OperatorError {
        let host = self.host.clone();
        if error.is_timeout() || is_timeout(&error) {
            return OperatorError::TimedOut { host };
        }
        OperatorError::Unreachable { host, source: TransportError::new(error) }
    }
}

fn is_timeout(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Checks the URL of a server, whose text may contain a secret by mistake.
fn check(url: &Url) -> Result<(), &'static str> {
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(url) => {}
        "http" => return Err("plain HTTP is allowed on this machine only; use https://"),
        _ => return Err("it does not begin with https://"),
    }
    if url.password().is_some() || !url.username().is_empty() || url.path().contains('@') {
        return Err("it contains credentials");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment");
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_sent_in_plain_text_to_another_machine() {
        for (url, reason) in [
            ("http://eqp.example.com", "plain HTTP"),
            ("http://localhost.example.com", "plain HTTP"),
            ("http://192.0.2.7:8444", "plain HTTP"),
            ("ftp://localhost", "https://"),
            ("https://hush@eqp.example.com", "credentials"),
            ("https://eqp.example.com/?token=hush", "query"),
        ] {
            let error = Remote::new(&url.parse().unwrap(), &Secret::new("hush"), None).err().unwrap().to_string();
            assert!(error.contains(reason) && !error.contains("hush"), "{url}: {error}");
        }
        for url in
            ["http://127.0.0.1:8444", "http://[::1]:8444/", "http://localhost:8444", "https://eqp.example.com/ops/"]
        {
            assert!(Remote::new(&url.parse().unwrap(), &Secret::new("hush"), None).is_ok(), "{url}");
        }
    }
}
