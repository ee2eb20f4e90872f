//! The settings of a worker that apply to all of its handlers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use reqwest::{Certificate, Proxy, Url};

use crate::{AddressGuard, ChatThreads, DefinitionError, Program};

/// The settings of a worker that apply to all of its handlers. They come from its own configuration only: a subscription cannot change
/// them.
#[derive(Clone, Default)]
pub struct HandlerEnvironment {
    pub(crate) guard: AddressGuard,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) trusted_ca: Vec<Certificate>,
    pub(crate) programs: BTreeMap<String, Program>,
    pub(crate) threads: Option<Arc<dyn ChatThreads>>,
    pub(crate) slack_api: Option<Url>,
    #[cfg(feature = "email")]
    pub(crate) mail: Option<crate::mail_server::MailServer>,
}

impl HandlerEnvironment {
    /// Creates an environment in which webhooks can reach the addresses that `guard` allows, and there are no programs.
    pub fn new(guard: AddressGuard) -> Self {
        Self { guard, ..Self::default() }
    }

    /// Trusts the CAs in a PEM file, in addition to those of the system.
    ///
    /// # Errors
    /// [`DefinitionError::Setup`] if the text contains no certificate, or an invalid one.
    pub fn trusting_ca_pem(mut self, pem: &str) -> Result<Self, DefinitionError> {
        let setup = |reason: String| DefinitionError::Setup { reason };
        let bundle = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| setup(error.to_string()))?;
        if bundle.is_empty() {
            return Err(setup("the CA file contains no certificate in PEM format".to_owned()));
        }
        self.trusted_ca.extend(bundle);
        Ok(self)
    }

    /// Sends all requests through a proxy, which then decides which networks can be reached.
    ///
    /// # Errors
    /// [`DefinitionError::Setup`] if `url` is not the URL of a proxy.
    pub fn through_proxy(mut self, url: &str) -> Result<Self, DefinitionError> {
        let setup = |_| DefinitionError::Setup { reason: "the URL of the proxy is not valid".to_owned() };
        self.proxy = Some(Proxy::all(url).map_err(setup)?);
        Ok(self)
    }

    /// Stores threads of chats in `threads`. Slack bots, Discord and e-mail need it.
    #[must_use]
    pub fn with_threads(mut self, threads: Arc<dyn ChatThreads>) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Calls another server than `slack.com`.
    ///
    /// # Errors
    /// [`DefinitionError::Url`] if `url` is not a URL.
    pub fn with_slack_api(mut self, url: &str) -> Result<Self, DefinitionError> {
        let wrong = |reason: String| DefinitionError::Url { url: "the Slack API".to_owned(), reason };
        self.slack_api = Some(Url::parse(url).map_err(|error| wrong(error.to_string()))?);
        Ok(self)
    }

    /// Submits mails to this server.
    #[cfg(feature = "email")]
    #[must_use]
    pub fn with_mail(mut self, server: crate::mail_server::MailServer) -> Self {
        self.mail = Some(server);
        self
    }

    /// Allows handlers to run a program by its name.
    #[must_use]
    pub fn with_program(mut self, name: impl Into<String>, program: Program) -> Self {
        self.programs.insert(name.into(), program);
        self
    }
}

impl fmt::Debug for HandlerEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL of the proxy can contain a password.
        let Self { guard, programs, .. } = self;
        f.debug_struct("HandlerEnvironment").field("guard", guard).field("programs", programs).finish_non_exhaustive()
    }
}
