//! Sends one request to one server, with a time limit for everything and a size limit for the response.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use tokio::time::{Instant, timeout, timeout_at};
use url::Host;

use super::outcome;
use crate::address_guard::{GuardedResolver, RefusedAddress};
use crate::error_chain::{chain, find};
use crate::{AttemptOutcome, DefinitionError, HandlerEnvironment};

/// The number of bytes of a response that are read.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// The time in which the body of a response must arrive. The status is already known by then.
const BODY_DEADLINE: Duration = Duration::from_secs(5);
/// The time for which a connection without requests stays open.
const IDLE: Duration = Duration::from_secs(30);

/// Sends requests to one server.
pub(crate) struct Transport {
    client: Client,
    /// The URL whose scheme, host and port all requests have.
    origin: Url,
}

/// A request.
pub(crate) struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// The result of a request.
pub(crate) struct Exchange {
    pub(crate) outcome: AttemptOutcome,
    pub(crate) status: Option<u16>,
    /// The beginning of the response's body, or the error.
    pub(crate) text: String,
    /// Whether `text` is incomplete.
    pub(crate) is_cut: bool,
}

impl Transport {
    /// Creates the transport to the server of `origin`. Sends nothing.
    pub(crate) fn new(origin: Url, environment: &HandlerEnvironment) -> Result<Self, DefinitionError> {
        let tls = origin.scheme() == "https";
        let wrong = |reason: String| DefinitionError::Url { url: displayed(&origin), reason };
        if !tls && origin.scheme() != "http" {
            return Err(wrong("it must begin with https://".to_owned()));
        }
        if !origin.username().is_empty() || origin.password().is_some() {
            return Err(wrong("it must not contain credentials; put them into a header".to_owned()));
        }
        // The HTTP client resolves names only, so literal addresses are checked here. The parser has already converted numbers such as
        // 0x7f000001 to addresses, as the client does.
        let literal = match origin.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err(wrong("it has no host".to_owned())),
        };
        if let Some(address) = literal {
            environment.guard.check(address, tls).map_err(|refused| wrong(refused.to_string()))?;
        }
        let mut client = Client::builder()
            .user_agent(concat!("eqp/", env!("CARGO_PKG_VERSION")))
            // A redirect could lead to an address that was not checked, and would lose the body.
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_idle_timeout(IDLE)
            // A small response must not become a large one in memory, whatever other crates enable in the client.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            // Proxies of the environment are ignored: they would reach networks that the guard refuses.
            .no_proxy()
            .tls_certs_merge(environment.trusted_ca.iter().cloned());
        client = match &environment.proxy {
            Some(_) if !tls => return Err(wrong("through a proxy it must begin with https://".to_owned())),
            // The proxy resolves the name, and decides which networks can be reached.
            Some(proxy) => client.proxy(proxy.clone()),
            None => client.dns_resolver(GuardedResolver { guard: environment.guard.clone(), tls }),
        };
        let client = client.build().map_err(|error| DefinitionError::Setup { reason: chain(&error.without_url()) })?;
        Ok(Self { client, origin })
    }

    /// Sends a request and reads the response before `deadline` has passed.
    pub(crate) async fn send(&self, request: Request, deadline: Duration) -> Exchange {
        if request.url.origin() != self.origin.origin() || !request.url.username().is_empty() {
            let reason = "the template of the URL changes the host".to_owned();
            return Exchange::of(AttemptOutcome::Misconfigured(reason.clone()), &reason);
        }
        let end = Instant::now() + deadline;
        let sent = self.client.request(request.method, request.url).headers(request.headers);
        match timeout_at(end, sent.body(request.body).send()).await {
            Ok(Ok(response)) => self.received(response, end).await,
            Ok(Err(error)) => self.failed(error),
            Err(_) => Exchange::of(
                AttemptOutcome::HandlerDown { retry_after: None },
                &format!("{} did not respond: timed out after {} s", displayed(&self.origin), tenths(deadline)),
            ),
        }
    }

    async fn received(&self, mut response: reqwest::Response, end: Instant) -> Exchange {
        let status = response.status();
        let retry_after = outcome::retry_after(response.headers(), SystemTime::now());
        let outcome = outcome::of_status(status, retry_after);
        if status.is_redirection() {
            let text = format!("the response {status} redirects to another URL; redirects are not followed");
            return Exchange { outcome, status: Some(status.as_u16()), text, is_cut: false };
        }
        let mut body = Vec::new();
        let read = async {
            while body.len() < MAX_RESPONSE_BYTES {
                match response.chunk().await {
                    Ok(Some(chunk)) => {
                        body.extend_from_slice(&chunk[..chunk.len().min(MAX_RESPONSE_BYTES - body.len())]);
                    }
                    Ok(None) => return true,
                    // The status has arrived; a connection that is lost afterwards changes nothing.
                    Err(_) => return false,
                }
            }
            false
        };
        let is_complete = timeout(BODY_DEADLINE.min(end - Instant::now()), read).await.unwrap_or(false);
        let text = String::from_utf8_lossy(&body).into_owned();
        Exchange { outcome, status: Some(status.as_u16()), text, is_cut: !is_complete }
    }

    fn failed(&self, error: reqwest::Error) -> Exchange {
        let error = error.without_url();
        let host = displayed(&self.origin);
        if let Some(refused) = find::<RefusedAddress>(&error) {
            let reason = format!("{host} cannot be called: {refused}");
            return Exchange::of(AttemptOutcome::Misconfigured(reason.clone()), &reason);
        }
        let text = match find::<rustls::Error>(&error) {
            Some(rustls::Error::InvalidCertificate(problem)) => {
                format!("the TLS certificate of {host} was rejected: {problem}")
            }
            Some(other) => format!("no TLS connection to {host}: {other}"),
            None if error.is_connect() => format!("cannot connect to {host}: {}", chain(&error)),
            None => format!("the connection to {host} was lost: {}", chain(&error)),
        };
        Exchange::of(AttemptOutcome::HandlerDown { retry_after: None }, &text)
    }
}

impl Request {
    pub(crate) fn get(url: Url, headers: HeaderMap) -> Self {
        Self { method: Method::GET, url, headers, body: Vec::new() }
    }

    pub(crate) fn post(url: Url, headers: HeaderMap, body: Vec<u8>) -> Self {
        Self { method: Method::POST, url, headers, body }
    }

    pub(crate) fn patch(url: Url, headers: HeaderMap, body: Vec<u8>) -> Self {
        Self { method: Method::PATCH, url, headers, body }
    }
}

impl Exchange {
    /// Creates the result of a request that was not answered.
    pub(crate) fn of(outcome: AttemptOutcome, text: &str) -> Self {
        Self { outcome, status: None, text: text.to_owned(), is_cut: false }
    }
}

/// Returns scheme, host and port. The path can be a secret, for example that of a chat's webhook.
pub(crate) fn displayed(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Returns a time in seconds, rounded: the requests of one attempt share its time limit.
fn tenths(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}
