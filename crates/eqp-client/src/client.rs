//! The client and how it is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eqp_types::{ApiKey, Environment};
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::error::Error;
use crate::failure;
use crate::proxy;
use crate::redact;
use crate::retry::RetryPolicy;
use crate::session::{Session, TokenKeeper};
use crate::transport::Transport;

/// How long one try may take, from its start to the last byte of its answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long a connection may take to come about.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// The most bytes that an answer may have.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// A client of the API for one account in one environment. Cheap to clone; clones share connections and token.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) environment: Environment,
    pub(crate) transport: Transport,
    pub(crate) retry: RetryPolicy,
    pub(crate) tokens: TokenKeeper,
}

impl Client {
    /// Begins a client for an access key of an environment.
    pub fn builder(environment: Environment, key: ApiKey) -> ClientBuilder {
        ClientBuilder {
            environment,
            key,
            api_url: None,
            trusted_ca: Vec::new(),
            deadline: DEADLINE,
            largest_answer: LARGEST_ANSWER,
            user_agent: concat!("eqp-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            retry: RetryPolicy::default(),
        }
    }

    /// The environment that the access key belongs to.
    pub fn environment(&self) -> Environment {
        self.inner.environment
    }

    /// The base URL of the API; `/rest/v1` comes after it.
    pub fn api_url(&self) -> &Url {
        &self.inner.transport.base
    }

    /// Who the access key belongs to. Asks for a token if there is none.
    ///
    /// # Errors
    /// The key is not accepted, or the API cannot be reached.
    pub async fn session(&self) -> Result<Session, Error> {
        Ok(self.token().await?.session())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("environment", &self.environment())
            .field("api_url", &self.api_url().as_str())
            .finish_non_exhaustive()
    }
}

/// How a client is to be. Certificates are always checked.
#[derive(Clone)]
pub struct ClientBuilder {
    environment: Environment,
    key: ApiKey,
    api_url: Option<Url>,
    trusted_ca: Vec<Vec<u8>>,
    deadline: Duration,
    largest_answer: usize,
    user_agent: String,
    retry: RetryPolicy,
}

impl ClientBuilder {
    /// Another base URL than the environment's own, for a simulator or a proxy; `https` only, without `/rest/v1`.
    #[must_use]
    pub fn api_url(mut self, url: Url) -> Self {
        self.api_url = Some(url);
        self
    }

    /// Trusts the CAs in this PEM text besides those of the platform. May be called more than once.
    #[must_use]
    pub fn trusted_ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.trusted_ca.push(pem.as_ref().to_vec());
        self
    }

    /// How long one try may take; 30 s if not said. An upload gets more by its size. A call may be tried again.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The most bytes that an answer may have; 32 MiB if not said.
    #[must_use]
    pub fn largest_answer(mut self, bytes: usize) -> Self {
        self.largest_answer = bytes;
        self
    }

    /// What the client calls itself; `eqp-client/` and its version if not said.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// How often and after which waits a call is sent again.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Makes the client. Sends nothing.
    ///
    /// # Errors
    /// A URL that is not `https` or cannot be a base, a CA that is not PEM, a machine without any trusted CA.
    pub fn build(self) -> Result<Client, Error> {
        let base =
            match self.api_url {
                Some(url) => checked(url)?,
                None => checked(Url::parse(self.environment.base_url()).map_err(|_| Error::ApiUrl {
                    url: self.environment.base_url().to_owned(),
                    reason: "it is no URL",
                })?)?,
            };
        let mut http = reqwest::Client::builder()
            .https_only(true)
            .connect_timeout(CONNECT_DEADLINE.min(self.deadline))
            .timeout(self.deadline)
            // A token must not follow an answer to another host, and the API documents no redirect.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(self.user_agent);
        let trusted = self.trusted_ca.iter().map(|pem| certificates(pem)).collect::<Result<Vec<_>, _>>()?;
        http = http.tls_certs_merge(trusted.into_iter().flatten());
        let transport = Transport {
            http: http.build().map_err(failure::of_setup)?,
            proxy: proxy::of(&base, &Matcher::from_system()),
            base,
            deadline: self.deadline,
            largest_answer: self.largest_answer,
        };
        let inner =
            Inner { environment: self.environment, transport, retry: self.retry, tokens: TokenKeeper::new(self.key) };
        Ok(Client { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("environment", &self.environment)
            .field("api_url", &self.api_url.as_ref().map(shown))
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

fn checked(url: Url) -> Result<Url, Error> {
    let reason = if url.scheme() != "https" {
        "only https is spoken, because the access key is sent with it"
    } else if !url.username().is_empty() || url.password().is_some() {
        "it holds credentials"
    } else if url.query().is_some() || url.fragment().is_some() {
        "it has a query or a fragment"
    } else if url.path().trim_end_matches('/').ends_with("/rest/v1") {
        "`/rest/v1` is added to it, leave that out"
    } else {
        return Ok(url);
    };
    Err(Error::ApiUrl { url: shown(&url), reason })
}

fn shown(url: &Url) -> String {
    redact::without_credentials(url).map_or_else(|| format!("{}:…", url.scheme()), String::from)
}

fn certificates(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, Error> {
    let bundle =
        reqwest::Certificate::from_pem_bundle(pem).map_err(|error| Error::TrustedCa { reason: error.to_string() })?;
    if bundle.is_empty() {
        return Err(Error::TrustedCa { reason: "it holds no certificate in PEM form".to_owned() });
    }
    Ok(bundle)
}
