//! The settings of a worker that delivers events: the networks that handlers may reach, and the programs that they may run.
//!
//! Only the worker's own configuration contains them. A subscription contains a URL or the name of a program, and a file that was found
//! in the current folder sets neither.

use std::collections::BTreeMap;

use eqp_deliver::{AddressGuard, DigestTime, DigestTimeError, HandlerEnvironment, Program};
use serde::Deserialize;

use crate::failure::{Failure, Result};

/// Settings for delivering events. There are no flags for them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DeliverOptions {
    /// Networks that webhooks can reach although they are not public.
    pub(crate) allow_networks: Option<Vec<String>>,
    /// The proxy for webhooks.
    pub(crate) proxy: Option<String>,
    /// The day and time at which weekly digests are created.
    pub(crate) digest_at: Option<DigestAt>,
}

/// The day and time of the week at which digests are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct DigestAt(pub(crate) DigestTime);

impl TryFrom<String> for DigestAt {
    type Error = DigestTimeError;

    fn try_from(text: String) -> Result<Self, DigestTimeError> {
        text.parse().map(Self)
    }
}

/// A program that handlers can run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgramOptions {
    /// The program and its arguments.
    command: Vec<String>,
    /// Variables of its environment.
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

/// The programs, by name.
pub(crate) type Programs = BTreeMap<String, ProgramOptions>;

impl DeliverOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        Self {
            allow_networks: self.allow_networks.or(weaker.allow_networks),
            proxy: self.proxy.or(weaker.proxy),
            digest_at: self.digest_at.or(weaker.digest_at),
        }
    }

    /// Returns what handlers can use. Fails if a network, the proxy or a program cannot be used.
    pub(crate) fn environment(&self, programs: &Programs) -> Result<HandlerEnvironment> {
        let networks = self.allow_networks.iter().flatten().map(String::as_str);
        let guard = AddressGuard::allowing(networks)
            .map_err(|error| Failure::usage("deliver.allow_networks cannot be used").because(&error))?;
        let mut environment = HandlerEnvironment::new(guard);
        if let Some(proxy) = &self.proxy {
            environment = environment
                .through_proxy(proxy)
                .map_err(|error| Failure::usage("deliver.proxy cannot be used").because(&error))?;
        }
        for (name, options) in programs {
            let program = Program::new(&options.command)
                .map_err(|error| Failure::usage(format!("exec.{name} cannot be used")).because(&error))?;
            let variables = options.environment.iter();
            let program = variables.fold(program, |program, (name, value)| program.with_variable(name, value));
            environment = environment.with_program(name, program);
        }
        Ok(environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_settings_are_named() {
        let none = Programs::default();
        let networks = DeliverOptions { allow_networks: Some(vec!["10.0.0.0/99".into()]), ..DeliverOptions::default() };
        assert!(networks.environment(&none).unwrap_err().to_string().contains("deliver.allow_networks"));
        let programs = Programs::from([("deploy".to_owned(), ProgramOptions::default())]);
        assert!(DeliverOptions::default().environment(&programs).unwrap_err().to_string().contains("exec.deploy"));
        assert!(DeliverOptions::default().environment(&none).is_ok());
        assert!(toml::from_str::<DeliverOptions>("digest_at = 'Monday'").is_err());
    }
}
