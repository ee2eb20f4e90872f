//! The client and its builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eqp_types::{ApiKey, Environment};
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::answer::Answer;
use crate::error::Error;
use crate::failure;
use crate::proxy;
use crate::redact;
use crate::retry::RetryPolicy;
use crate::session::{Session, Token, TokenCache};
use crate::transport::{Authorization, Request, Transport};

/// The default time limit of one attempt, from its start to the last byte of the response.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum length of an application ID, in bytes. The documentation states none.
const MAX_APPLICATION_ID: usize = 255;
/// The default limit of a response, in bytes.
const MAX_RESPONSE_SIZE: usize = 32 * 1024 * 1024;

/// An asynchronous client of the API for one account in one environment.
///
/// Cloning is cheap: clones share connections and the session token.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) environment: Environment,
    pub(crate) transport: Transport,
    pub(crate) retry: RetryPolicy,
    pub(crate) tokens: TokenCache,
}

impl Client {
    /// Returns a builder for a client that uses an access key of an environment.
    pub fn builder(environment: Environment, key: ApiKey) -> ClientBuilder {
        ClientBuilder {
            environment,
            key,
            api_url: None,
            trusted_ca: Vec::new(),
            timeout: TIMEOUT,
            max_response_size: MAX_RESPONSE_SIZE,
            user_agent: concat!("eqp-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            retry: RetryPolicy::default(),
        }
    }

    /// Returns the environment that the access key belongs to.
    pub fn environment(&self) -> Environment {
        self.inner.environment
    }

    /// Returns the base URL of the API, without `/rest/v1`.
    pub fn api_url(&self) -> &Url {
        &self.inner.transport.base
    }

    /// Returns the account that the access key belongs to. Requests a session token if there is none.
    ///
    /// # Errors
    /// [`Error::Session`] if the access key is rejected or the API cannot be reached.
    pub async fn session(&self) -> Result<Session, Error> {
        Ok(self.token().await?.session())
    }

    /// Returns a valid session token.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, Error> {
        self.inner.tokens.token(&self.inner.transport, &self.inner.retry, None).await
    }

    /// Makes a call and returns its response.
    pub(crate) async fn call(&self, request: Request) -> Result<Answer, Error> {
        let inner = &*self.inner;
        let mut token = self.token().await?;
        let mut is_renewed = false;
        let mut tried = 0;
        loop {
            tried += 1;
            let error = match inner.transport.send(&request, Authorization::Token(&token.ust)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if error.is_unauthorized_token() && !is_renewed {
                // A token can become invalid early. A request with a rejected token had no effect, so repeating it is safe and is not
                // counted as an attempt.
                is_renewed = true;
                tried -= 1;
                token = inner.tokens.token(&inner.transport, &inner.retry, Some(&token)).await?;
                continue;
            }
            let Some(wait) = inner.retry.wait(tried, &error, request.api_call.retry) else {
                return Err(error);
            };
            tracing::debug!(call = request.api_call.name, tried, ?wait, %error, "retrying call");
            tokio::time::sleep(wait).await;
        }
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

/// Builds a [`Client`]. Certificates are always verified.
///
/// ```
/// use std::time::Duration;
///
/// use eqp_client::types::{ApiKey, Environment, Secret};
/// use eqp_client::{Client, RetryPolicy};
///
/// let key = ApiKey { application_id: "my-id".into(), application_secret: Secret::new("my secret") };
/// let client = Client::builder(Environment::Sandbox, key)
///     .timeout(Duration::from_secs(60))
///     .max_response_size(8 * 1024 * 1024)
///     .user_agent("acme-release/1.0")
///     .retry(RetryPolicy::NEVER)
///     .build()?;
/// assert_eq!(client.environment(), Environment::Sandbox);
/// # Ok::<(), eqp_client::Error>(())
/// ```
#[derive(Clone)]
pub struct ClientBuilder {
    environment: Environment,
    key: ApiKey,
    api_url: Option<Url>,
    trusted_ca: Vec<Vec<u8>>,
    timeout: Duration,
    max_response_size: usize,
    user_agent: String,
    retry: RetryPolicy,
}

impl ClientBuilder {
    /// Replaces the base URL of the environment, for example by that of a simulator. It must use `https` and not include
    /// `/rest/v1`.
    #[must_use]
    pub fn api_url(mut self, url: Url) -> Self {
        self.api_url = Some(url);
        self
    }

    /// Trusts the CA certificates in this PEM text in addition to those of the platform. Can be called more than once.
    #[must_use]
    pub fn trusted_ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.trusted_ca.push(pem.as_ref().to_vec());
        self
    }

    /// Sets the time limit of one attempt (default: 30 s). Uploads get more time in proportion to their size. A call can take
    /// longer, because it may be retried.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the maximum size of a response in bytes (default: 32 MiB).
    #[must_use]
    pub fn max_response_size(mut self, bytes: usize) -> Self {
        self.max_response_size = bytes;
        self
    }

    /// Sets the `User-Agent` header (default: `eqp-client/` and the version of this crate).
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Sets how often a failed call is retried, and how long the client waits in between.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Builds the client. Sends nothing.
    ///
    /// # Errors
    /// - [`Error::ApiUrl`] if the URL does not use `https` or has credentials, a query, a fragment or `/rest/v1`.
    /// - [`Error::ApplicationId`] if the application ID is empty, longer than 255 bytes, or contains a colon or a control character, which
    ///   Basic authentication cannot transmit.
    /// - [`Error::TrustedCa`] if a CA certificate is not valid PEM.
    /// - [`Error::Setup`] if HTTPS cannot be set up, for example because the platform has no trusted CA.
    pub fn build(self) -> Result<Client, Error> {
        check_application_id(&self.key.application_id)?;
        let base = match self.api_url {
            Some(url) => checked(url)?,
            None => Url::parse(self.environment.base_url()).expect("the URL of an environment is a constant"),
        };
        let mut http = reqwest::Client::builder()
            .https_only(true)
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
            .timeout(self.timeout)
            // Following a redirect would send the token to another host, and the API documents no redirects.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(self.user_agent);
        let trusted = self.trusted_ca.iter().map(|pem| certificates(pem)).collect::<Result<Vec<_>, _>>()?;
        http = http.tls_certs_merge(trusted.into_iter().flatten());
        let transport = Transport {
            http: http.build().map_err(failure::of_setup)?,
            proxy: proxy::of(&base, &Matcher::from_system()),
            base,
            timeout: self.timeout,
            max_response_size: self.max_response_size,
        };
        let inner =
            Inner { environment: self.environment, transport, retry: self.retry, tokens: TokenCache::new(self.key) };
        Ok(Client { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("environment", &self.environment)
            .field("api_url", &self.api_url.as_ref().map(displayed))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

fn check_application_id(id: &str) -> Result<(), Error> {
    let reason = if id.is_empty() {
        "it is empty"
    } else if id.len() > MAX_APPLICATION_ID {
        "it has more than 255 bytes"
    } else if id.contains(':') {
        "it contains a colon, which separates it from the secret"
    } else if id.contains(char::is_control) {
        "it contains a control character"
    } else {
        return Ok(());
    };
    Err(Error::ApplicationId { reason })
}

fn checked(url: Url) -> Result<Url, Error> {
    let reason = if url.scheme() != "https" {
        "it must begin with https://, because the access key is sent to it"
    } else if !url.username().is_empty() || url.password().is_some() {
        "it must not contain credentials"
    } else if url.query().is_some() || url.fragment().is_some() {
        "it must not have a query or a fragment"
    } else if url.path().trim_end_matches('/').ends_with("/rest/v1") {
        "it must not end with `/rest/v1`, which is added automatically"
    } else {
        return Ok(url);
    };
    Err(Error::ApiUrl { url: displayed(&url), reason })
}

fn displayed(url: &Url) -> String {
    redact::without_credentials(url).map_or_else(|| format!("{}:…", url.scheme()), String::from)
}

fn certificates(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, Error> {
    let bundle =
        reqwest::Certificate::from_pem_bundle(pem).map_err(|error| Error::TrustedCa { reason: error.to_string() })?;
    if bundle.is_empty() {
        return Err(Error::TrustedCa { reason: "it contains no certificate in PEM format".to_owned() });
    }
    Ok(bundle)
}
