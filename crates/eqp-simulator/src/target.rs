//! Sends a single callback to a single target, for tools, with the same request that the simulator sends.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use eqp_types::Secret;
use http::HeaderValue;
use url::{Host, Url};

use crate::sender::{basic, post};
use crate::sent::SendResult;
use crate::{Error, trust};

/// The URL and credentials that a single callback is sent to.
///
/// ```no_run
/// # async fn example() -> Result<(), eqp_simulator::Error> {
/// use eqp_simulator::CallbackTarget;
/// use eqp_types::Secret;
///
/// let target = CallbackTarget::new("https://eqp.example.com/callbacks/main")?.credentials("key", Secret::new("secret"));
/// let answer = target.send(&[], r#"{"callback_event": "my_own", "update_info": {}}"#).await?;
/// println!("{} after {:?}", answer.result, answer.latency);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CallbackTarget {
    url: Url,
    credentials: Option<(String, Secret)>,
    user_agent: Option<HeaderValue>,
}

/// The response to a single callback.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallbackAnswer {
    /// How the request ended.
    pub result: SendResult,
    /// The first 1 KiB of the response's body.
    pub body: Bytes,
    /// The time from the start of the request to the response's head or the failure.
    pub latency: Duration,
}

impl CallbackTarget {
    /// Creates a target without credentials. Its URL must be HTTPS, or plain HTTP to this machine.
    ///
    /// # Errors
    /// [`Error::TargetUrl`] if the URL has another scheme, credentials or a fragment.
    pub fn new(url: &str) -> Result<Self, Error> {
        let refused = |why| Error::TargetUrl { why };
        let url = Url::parse(url).map_err(|_| refused("it is not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it contains a user name or password"));
        }
        if url.fragment().is_some() {
            return Err(refused("it has a fragment"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(refused("it is neither HTTPS nor plain HTTP to this machine")),
        }
        Ok(Self { url, credentials: None, user_agent: None })
    }

    /// Sets the credentials of the Basic header.
    #[must_use]
    pub fn credentials(mut self, username: impl Into<String>, password: Secret) -> Self {
        self.credentials = Some((username.into(), password));
        self
    }

    /// Sets the value of `User-Agent`, which a receiver can recognise. By default, it is that of the simulator's callbacks.
    #[must_use]
    pub fn user_agent(mut self, user_agent: &'static str) -> Self {
        self.user_agent = HeaderValue::from_str(user_agent).ok();
        self
    }

    /// Sends a body once, and trusts these CAs (PEM) in addition to the platform's roots.
    ///
    /// A missing response is not an error: see [`CallbackAnswer::result`].
    ///
    /// # Errors
    /// - [`Error::TrustedCertificate`] if a CA is not a certificate in PEM format
    /// - [`Error::Sender`] if the HTTP client cannot be set up
    pub async fn send(&self, trusted: &[String], body: impl Into<Bytes>) -> Result<CallbackAnswer, Error> {
        let client = trust::single(trusted.iter().map(String::as_str), self.url.scheme() == "https")?;
        let header = self.credentials.as_ref().map(|(username, password)| basic(username, password));
        let (result, body, latency) =
            post(&client, self.url.as_str(), header, self.user_agent.clone(), body.into()).await;
        Ok(CallbackAnswer { result, body, latency })
    }

    /// Returns the URL.
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
