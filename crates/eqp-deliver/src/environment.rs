//! What the worker's own configuration provides to handlers.

use std::collections::BTreeMap;

use reqwest::{Certificate, Proxy};

use crate::{AddressGuard, DefinitionError, Program};

/// What the worker's own configuration provides to handlers. Whoever defines a subscription can neither see nor change it.
#[derive(Clone, Debug, Default)]
pub struct HandlerEnvironment {
    pub(crate) guard: AddressGuard,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) trusted_ca: Vec<Certificate>,
    pub(crate) programs: BTreeMap<String, Program>,
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

    /// Allows handlers to run a program by its name.
    #[must_use]
    pub fn with_program(mut self, name: impl Into<String>, program: Program) -> Self {
        self.programs.insert(name.into(), program);
        self
    }
}
