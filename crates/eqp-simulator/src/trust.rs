//! The HTTP client for callbacks: HTTPS only, with the CAs that are trusted in addition to the platform's roots.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Client};

use crate::Error;
use crate::error::HttpError;

/// The time within which a receiver has to answer.
const DEADLINE: Duration = Duration::from_secs(10);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// The HTTP client, which is built again when another CA is trusted.
pub(crate) struct Trust {
    inner: Mutex<Inner>,
}

struct Inner {
    extra: Vec<Certificate>,
    client: Client,
}

impl Trust {
    /// Builds a client that trusts the platform's roots and these CAs.
    pub(crate) fn new<'a>(pems: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut extra = Vec::new();
        for pem in pems {
            extra.extend(certificates(pem)?);
        }
        let client = client(&extra)?;
        Ok(Self { inner: Mutex::new(Inner { extra, client }) })
    }

    /// Trusts more CAs.
    pub(crate) fn add(&self, pem: &str) -> Result<(), Error> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut extra = inner.extra.clone();
        extra.extend(certificates(pem)?);
        inner.client = client(&extra)?;
        inner.extra = extra;
        Ok(())
    }

    /// Returns the current client.
    pub(crate) fn client(&self) -> Client {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).client.clone()
    }
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, Error> {
    Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| Error::TrustedCertificate(HttpError(error)))
}

fn client(extra: &[Certificate]) -> Result<Client, Error> {
    build(extra, true)
}

/// Builds a client for one callback, which trusts the platform's roots and these CAs.
pub(crate) fn single<'a>(pems: impl IntoIterator<Item = &'a str>, https_only: bool) -> Result<Client, Error> {
    let mut extra = Vec::new();
    for pem in pems {
        extra.extend(certificates(pem)?);
    }
    build(&extra, https_only)
}

fn build(extra: &[Certificate], https_only: bool) -> Result<Client, Error> {
    Client::builder()
        .https_only(https_only)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(DEADLINE)
        .connect_timeout(CONNECT_DEADLINE)
        .user_agent(concat!("eqp-simulator/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(extra.iter().cloned())
        .build()
        .map_err(|error| Error::Sender(HttpError(error)))
}
