//! Which Marketplace, and who we are there.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_types::{ApiKey, Environment, Secret};
use serde::Deserialize;
use url::Url;

use super::api_url::ApiUrl;
use super::file::from_folder;
use super::keyring;
use super::secret::{from_environment, read_secret};
use crate::failure::{Exit, Failure, Outcome};

/// Where the Marketplace is, and the access key for it.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct MarketplaceOptions {
    /// Environment of the Marketplace: production or sandbox [default: sandbox]
    #[arg(
        long,
        global = true,
        env = "EQP_ENVIRONMENT",
        hide_env_values = true,
        hide_short_help = true,
        value_name = "NAME"
    )]
    pub(crate) environment: Option<Environment>,
    /// Base URL of the API, for the simulator [default: the environment's]
    #[arg(
        long,
        global = true,
        env = "EQP_API_URL",
        hide_env_values = true,
        hide_short_help = true,
        value_name = "URL"
    )]
    pub(crate) api_url: Option<ApiUrl>,
    /// Certificate (PEM) of one more authority to trust, such as the simulator's
    #[arg(
        long,
        global = true,
        env = "EQP_CA_FILE",
        hide_env_values = true,
        hide_short_help = true,
        value_name = "FILE"
    )]
    pub(crate) ca_file: Option<PathBuf>,
    /// Application id of the access key; its secret: EQP_APPLICATION_SECRET or EQP_APPLICATION_SECRET_FILE
    #[arg(
        long,
        global = true,
        env = "EQP_APPLICATION_ID",
        hide_env_values = true,
        hide_short_help = true,
        value_name = "ID"
    )]
    pub(crate) application_id: Option<String>,
    /// A file of mode 0600 that holds the application secret.
    #[arg(skip)]
    pub(crate) application_secret_file: Option<PathBuf>,
    /// The application secret is in the keyring of the operating system.
    #[arg(skip)]
    pub(crate) application_secret_keyring: Option<bool>,
}

/// Where an application secret was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// This variable, or the file that it names.
    Environment(String),
    /// This file, which the configuration names.
    File(PathBuf),
    /// The keyring.
    Keyring,
    /// It was given right now.
    Given,
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(variable) => f.write_str(variable),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Keyring => f.write_str("the keyring"),
            Self::Given => f.write_str("what was given"),
        }
    }
}

/// The Marketplace that commands speak to.
#[derive(Clone, Debug)]
pub(crate) struct Marketplace {
    /// The environment.
    pub(crate) environment: Environment,
    /// The API, where it is not the environment's own.
    pub(crate) api_url: Option<Url>,
    /// The certificate text of one more authority to trust.
    pub(crate) ca_pem: Option<Vec<u8>>,
    /// The access key.
    pub(crate) key: ApiKey,
    /// Where its secret was found.
    pub(crate) secret_source: SecretSource,
}

impl MarketplaceOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        let names_a_secret = self.application_secret_file.is_some() || self.application_secret_keyring.is_some();
        let secret = if names_a_secret { &self } else { &weaker };
        let (application_secret_file, application_secret_keyring) =
            (secret.application_secret_file.clone(), secret.application_secret_keyring);
        Self {
            environment: self.environment.or(weaker.environment),
            api_url: self.api_url.or(weaker.api_url),
            ca_file: self.ca_file.or(weaker.ca_file),
            application_id: self.application_id.or(weaker.application_id),
            application_secret_file,
            application_secret_keyring,
        }
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.ca_file, folder);
        from_folder(&mut self.application_secret_file, folder);
    }

    /// The environment. Unless told otherwise the one where nothing can be broken.
    pub(crate) fn environment(&self) -> Environment {
        self.environment.unwrap_or(Environment::Sandbox)
    }

    /// Refuses an API's URL that cannot be used.
    pub(super) fn check(&self) -> Outcome {
        self.api_url.as_ref().map_or(Ok(()), |url| url.usable().map(drop))
    }

    /// The API's URL, where it is not the environment's own.
    pub(crate) fn api_url(&self) -> Option<&Url> {
        self.api_url.as_ref().and_then(ApiUrl::url)
    }

    /// Whether there is an access key to ask the Marketplace with.
    pub(crate) fn has_key(&self) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        self.application_id.is_some()
            && (self.application_secret_file.is_some()
                || self.application_secret_keyring == Some(true)
                || set("EQP_APPLICATION_SECRET")
                || set("EQP_APPLICATION_SECRET_FILE"))
    }

    /// Reads the access key and the extra authority.
    pub(crate) fn resolve(&self) -> Outcome<Marketplace> {
        let ca_pem = self.ca_pem()?;
        let application_id = self.application_id.clone().ok_or_else(|| {
            self.missing("application id").next(
                "make an access key in the developer portal, then eqp login, or set EQP_APPLICATION_ID and \
                 EQP_APPLICATION_SECRET_FILE",
            )
        })?;
        let (application_secret, secret_source) = self.secret(&application_id)?;
        Ok(self.marketplace(ca_pem, ApiKey { application_id, application_secret }, secret_source))
    }

    /// The same with a key that was just given, instead of the configured one.
    pub(crate) fn with_key(&self, key: ApiKey) -> Outcome<Marketplace> {
        Ok(self.marketplace(self.ca_pem()?, key, SecretSource::Given))
    }

    fn marketplace(&self, ca_pem: Option<Vec<u8>>, key: ApiKey, secret_source: SecretSource) -> Marketplace {
        Marketplace { environment: self.environment(), api_url: self.api_url().cloned(), ca_pem, key, secret_source }
    }

    /// Reads the extra authority.
    fn ca_pem(&self) -> Outcome<Option<Vec<u8>>> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        std::fs::read(path)
            .map(Some)
            .map_err(|error| Failure::usage(format!("cannot read the certificate {}", path.display())).because(&error))
    }

    /// The application secret: from the environment, else from where the configuration says it is.
    fn secret(&self, application_id: &str) -> Outcome<(Secret, SecretSource)> {
        const WHAT: &str = "application secret";
        if let Some((secret, variable)) = from_environment("EQP_APPLICATION_SECRET", "the application secret")? {
            return Ok((secret, SecretSource::Environment(variable)));
        }
        if let Some(file) = &self.application_secret_file {
            return Ok((read_secret(file, "the application secret")?, SecretSource::File(file.clone())));
        }
        if self.application_secret_keyring == Some(true) {
            let found = keyring::read(self.environment(), application_id)?;
            let secret = found.ok_or_else(|| {
                self.missing(WHAT)
                    .why(format!("the keyring holds none for {application_id}"))
                    .next("eqp login --keyring puts it there")
            })?;
            return Ok((secret, SecretSource::Keyring));
        }
        Err(self.missing(WHAT).next(
            "eqp login keeps it, or put it into EQP_APPLICATION_SECRET, or into a file of mode 0600 that \
             EQP_APPLICATION_SECRET_FILE names",
        ))
    }

    fn missing(&self, what: &str) -> Failure {
        Failure::new(Exit::NotAuthorised, format!("there is no {what} for {}", self.environment()))
    }
}
