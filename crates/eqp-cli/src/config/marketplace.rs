//! The settings of the Marketplace: its URL and the access key.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use eqp_types::{ApiKey, Environment, Secret};
use serde::Deserialize;
use url::Url;

use super::api_url::ApiUrl;
use super::keyring;
use super::secret::{from_environment, read_secret};
use super::{from_folder, variable};
use crate::failure::{Exit, Failure, Result};

/// Options for the Marketplace and its access key.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct MarketplaceOptions {
    /// Environment of the Marketplace, production or sandbox [default: the profile's, else sandbox]
    #[arg(
        long,
        global = true,
        env = "EQP_ENVIRONMENT",
        value_parser = PossibleValuesParser::new([Environment::Production.as_str(), Environment::Sandbox.as_str()])
            .try_map(|word| word.parse::<Environment>()),
        hide_possible_values = true,
        hide_env_values = true,
        hide_short_help = true,
        value_name = "NAME"
    )]
    pub(crate) environment: Option<Environment>,
    /// Base URL of the API, for example of a simulator [default: the URL of the environment]
    #[arg(
        long,
        global = true,
        env = "EQP_API_URL",
        hide_env_values = true,
        hide_short_help = true,
        value_name = "URL"
    )]
    pub(crate) api_url: Option<ApiUrl>,
    /// Certificate (PEM) of an additional CA to trust, such as a simulator's
    #[arg(
        long,
        global = true,
        env = "EQP_CA_FILE",
        hide_env_values = true,
        hide_short_help = true,
        value_name = "FILE"
    )]
    pub(crate) ca_file: Option<PathBuf>,
    /// Application ID of the access key
    ///
    /// Set its secret in EQP_APPLICATION_SECRET, or in the file named by EQP_APPLICATION_SECRET_FILE.
    #[arg(
        long,
        global = true,
        env = "EQP_APPLICATION_ID",
        hide_env_values = true,
        hide_short_help = true,
        value_name = "ID"
    )]
    pub(crate) application_id: Option<String>,
    /// The file with mode 0600 that contains the application secret.
    #[arg(skip)]
    pub(crate) application_secret_file: Option<PathBuf>,
    /// Whether the application secret is in the keyring of the operating system.
    #[arg(skip)]
    pub(crate) application_secret_keyring: Option<bool>,
    /// The API that accepted the secret at login. The secret is not sent to any other API.
    #[arg(skip)]
    pub(crate) verified_api_url: Option<ApiUrl>,
    /// The API to which a secret from the configuration file may be sent.
    #[arg(skip)]
    #[serde(skip)]
    secret_for: Option<SecretFor>,
}

/// The API to which a secret from a configuration file may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SecretFor {
    /// This API, in the form that [`destination`] returns.
    Api(String),
    /// The Marketplace itself, because the file contains no API URL.
    Marketplace,
}

/// Returns an API in the form in which it is compared. The two URLs of an environment of the Marketplace are equal.
fn destination(url: &Url) -> String {
    let environments = [Environment::Production, Environment::Sandbox];
    let known = environments.into_iter().find(|environment| {
        let urls = [environment.base_url(), environment.older_base_url()];
        urls.iter().any(|known| Url::parse(known).is_ok_and(|known| known == *url))
    });
    known.map_or_else(|| url.as_str().trim_end_matches('/').to_owned(), |environment| environment.base_url().to_owned())
}

/// The origin of an application secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// This environment variable, or the file that it names.
    Environment(String),
    /// This file, given in the configuration.
    File(PathBuf),
    /// The keyring.
    Keyring,
    /// The database.
    Database,
    /// It was entered in this run.
    Given,
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(variable) => f.write_str(variable),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Keyring => f.write_str("the keyring"),
            Self::Database => f.write_str("the database"),
            Self::Given => f.write_str("flags and environment variables"),
        }
    }
}

/// The resolved settings of the Marketplace.
#[derive(Clone, Debug)]
pub(crate) struct Marketplace {
    /// The environment.
    pub(crate) environment: Environment,
    /// The URL of the API, if it is not the environment's own.
    pub(crate) api_url: Option<Url>,
    /// The PEM certificate of an additional CA to trust.
    pub(crate) ca_pem: Option<Vec<u8>>,
    /// The access key.
    pub(crate) key: ApiKey,
    /// The origin of its secret.
    pub(crate) secret_source: SecretSource,
}

impl MarketplaceOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        let names_a_secret = self.application_secret_file.is_some() || self.application_secret_keyring.is_some();
        let secret = if names_a_secret { &self } else { &weaker };
        let (application_secret_file, application_secret_keyring) =
            (secret.application_secret_file.clone(), secret.application_secret_keyring);
        let (verified_api_url, secret_for) = (secret.verified_api_url.clone(), secret.secret_for.clone());
        Self {
            environment: self.environment.or(weaker.environment),
            api_url: self.api_url.or(weaker.api_url),
            ca_file: self.ca_file.or(weaker.ca_file),
            application_id: self.application_id.or(weaker.application_id),
            application_secret_file,
            application_secret_keyring,
            verified_api_url,
            secret_for,
        }
    }

    /// Binds a secret from a configuration file to the API in the same file.
    pub(super) fn bind_secret(&mut self) {
        if self.application_secret_file.is_none() && self.application_secret_keyring.is_none() {
            return;
        }
        let named = self.verified_api_url.as_ref().or(self.api_url.as_ref()).and_then(ApiUrl::url).map(destination);
        let of_environment = || Some(self.environment?.base_url().to_owned());
        self.secret_for = Some(named.or_else(of_environment).map_or(SecretFor::Marketplace, SecretFor::Api));
    }

    /// Fails if a stored secret would be sent to another API than the one that accepted it.
    fn check_binding(&self) -> Result {
        let here = self.api_url().map_or_else(|| self.environment().base_url().to_owned(), destination);
        let verified = match &self.secret_for {
            None => return Ok(()),
            Some(SecretFor::Marketplace) if self.api_url().is_none() => return Ok(()),
            Some(SecretFor::Marketplace) => "the Marketplace itself",
            Some(SecretFor::Api(api)) if *api == here => return Ok(()),
            Some(SecretFor::Api(api)) => api,
        };
        Err(Failure::new(Exit::NotAuthorised, "the stored application secret is for another API")
            .why(format!("it is for {verified}, and would be sent to {here}"))
            .next("omit --api-url and EQP_API_URL, and check --environment and --profile")
            .next("or log in to this API with a separate profile: eqp login --profile NAME"))
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.ca_file, folder);
        from_folder(&mut self.application_secret_file, folder);
    }

    /// Returns the environment, which is the sandbox by default.
    pub(crate) fn environment(&self) -> Environment {
        self.environment.unwrap_or(Environment::Sandbox)
    }

    /// Fails if the API's URL cannot be used.
    pub(super) fn check(&self) -> Result {
        [&self.api_url, &self.verified_api_url].into_iter().flatten().try_for_each(|url| url.usable().map(drop))
    }

    /// Returns the URL of the API, if it is not the environment's own.
    pub(crate) fn api_url(&self) -> Option<&Url> {
        self.api_url.as_ref().and_then(ApiUrl::url)
    }

    /// Returns whether an access key is configured.
    pub(crate) fn has_key(&self) -> bool {
        self.application_id.is_some()
            && (self.application_secret_file.is_some()
                || self.application_secret_keyring == Some(true)
                || variable("EQP_APPLICATION_SECRET").is_some()
                || variable("EQP_APPLICATION_SECRET_FILE").is_some())
    }

    /// Reads the access key and the additional CA certificate.
    pub(crate) fn resolve(&self) -> Result<Marketplace> {
        let ca_pem = self.ca_pem()?;
        let application_id = self.application_id.clone().ok_or_else(|| {
            self.missing("application ID").next(
                "create an access key in the developer portal, then run eqp login, or set EQP_APPLICATION_ID and \
                 EQP_APPLICATION_SECRET_FILE",
            )
        })?;
        let (application_secret, secret_source) = self.secret(&application_id)?;
        Ok(self.marketplace(ca_pem, ApiKey { application_id, application_secret }, secret_source))
    }

    /// Resolves the options with a key that was just entered instead of the configured one.
    pub(crate) fn with_key(&self, key: ApiKey) -> Result<Marketplace> {
        Ok(self.marketplace(self.ca_pem()?, key, SecretSource::Given))
    }

    /// Resolves the options with an access key from the database. The configured API is that of the configured environment only.
    pub(crate) fn with_stored_key(&self, environment: Environment, key: ApiKey) -> Result<Marketplace> {
        let api_url = self.api_url().filter(|_| environment == self.environment()).cloned();
        let secret_source = SecretSource::Database;
        Ok(Marketplace { environment, api_url, ca_pem: self.ca_pem()?, key, secret_source })
    }

    fn marketplace(&self, ca_pem: Option<Vec<u8>>, key: ApiKey, secret_source: SecretSource) -> Marketplace {
        Marketplace { environment: self.environment(), api_url: self.api_url().cloned(), ca_pem, key, secret_source }
    }

    /// Reads the additional CA certificate.
    pub(crate) fn ca_pem(&self) -> Result<Option<Vec<u8>>> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        eqp_tls::read_small_file(path)
            .map(Some)
            .map_err(|error| Failure::usage(format!("cannot read the certificate {}", path.display())).because(&error))
    }

    /// Reads the application secret, from the environment or from the place given in the configuration.
    fn secret(&self, application_id: &str) -> Result<(Secret, SecretSource)> {
        const WHAT: &str = "application secret";
        if let Some((secret, variable)) = from_environment("EQP_APPLICATION_SECRET", "the application secret")? {
            return Ok((secret, SecretSource::Environment(variable)));
        }
        self.check_binding()?;
        if let Some(file) = &self.application_secret_file {
            return Ok((read_secret(file, "the application secret")?, SecretSource::File(file.clone())));
        }
        if self.application_secret_keyring == Some(true) {
            let found = keyring::read(self.environment(), application_id)?;
            let secret = found.ok_or_else(|| {
                self.missing(WHAT)
                    .why(format!("the keyring has no secret for {application_id}"))
                    .next("run `eqp login --keyring` to store it")
            })?;
            return Ok((secret, SecretSource::Keyring));
        }
        Err(self.missing(WHAT).next(
            "run `eqp login` to store it, or set EQP_APPLICATION_SECRET, or EQP_APPLICATION_SECRET_FILE to a file with \
             mode 0600",
        ))
    }

    fn missing(&self, what: &str) -> Failure {
        Failure::new(Exit::NotAuthorised, format!("no {what} is configured for {}", self.environment()))
    }
}
