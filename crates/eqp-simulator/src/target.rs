//! One callback to one target, for tools: the same request that the simulator sends.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use eqp_types::Secret;
use url::{Host, Url};

use crate::sender::{basic, post};
use crate::sent::SendResult;
use crate::{Error, trust};

/// Where a single callback goes.
#[derive(Clone, Debug)]
pub struct CallbackTarget {
    url: Url,
    credentials: Option<(String, Secret)>,
}

/// How the send of a single callback ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallbackAnswer {
    /// How it ended.
    pub result: SendResult,
    /// The beginning of the answer's body, at most 1 KiB.
    pub body: Bytes,
    /// From the begin of the send to the answer's head, or to the failure.
    pub latency: Duration,
}

impl CallbackTarget {
    /// A target without credentials. Callbacks are sent over HTTPS only; plain HTTP is for this machine itself.
    ///
    /// # Errors
    /// [`Error::TargetUrl`] for anything else, and for a URL with credentials or a fragment.
    pub fn new(url: &str) -> Result<Self, Error> {
        let refused = |why| Error::TargetUrl { why };
        let url = Url::parse(url).map_err(|_| refused("it is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it holds a user name or password"));
        }
        if url.fragment().is_some() {
            return Err(refused("it has a fragment"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(refused("it is not https, and not of this machine itself")),
        }
        Ok(Self { url, credentials: None })
    }

    /// Sends with this Basic header.
    #[must_use]
    pub fn credentials(mut self, username: impl Into<String>, password: Secret) -> Self {
        self.credentials = Some((username.into(), password));
        self
    }

    /// Sends a body, once. Trusts these CAs (PEM) beside the platform's roots.
    ///
    /// # Errors
    /// A text that is no certificate. That nobody answers is no error: [`CallbackAnswer::result`] tells it.
    pub async fn send(&self, trusted: &[String], body: impl Into<Bytes>) -> Result<CallbackAnswer, Error> {
        let client = trust::single(trusted.iter().map(String::as_str), self.url.scheme() == "https")?;
        let header = self.credentials.as_ref().map(|(username, password)| basic(username, password));
        let (result, body, latency) = post(&client, self.url.as_str(), header, body.into()).await;
        Ok(CallbackAnswer { result, body, latency })
    }

    /// The URL.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_leave_this_machine_over_https_only() {
        for (url, fits) in [
            ("https://eqp.example.com/callbacks/main", true),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]/", true),
            ("http://localhost/x", true),
            ("http://eqp.example.com/", false),
            ("http://localhost.example.com/", false),
            ("https://me:hush@eqp.example.com/", false),
            ("https://eqp.example.com/#x", false),
            ("ftp://localhost/", false),
            ("main", false),
        ] {
            assert_eq!(CallbackTarget::new(url).is_ok(), fits, "{url}");
        }
    }
}
