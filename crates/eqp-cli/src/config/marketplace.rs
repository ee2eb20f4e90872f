//! Which Marketplace, and who we are there.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_types::{ApiKey, Environment};
use serde::Deserialize;
use url::Url;

use super::file::from_folder;
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
    pub(crate) api_url: Option<Url>,
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
}

impl MarketplaceOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        Self {
            environment: self.environment.or(weaker.environment),
            api_url: self.api_url.or(weaker.api_url),
            ca_file: self.ca_file.or(weaker.ca_file),
            application_id: self.application_id.or(weaker.application_id),
            application_secret_file: self.application_secret_file.or(weaker.application_secret_file),
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

    /// Whether there is an access key to ask the Marketplace with.
    pub(crate) fn has_key(&self) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        self.application_id.is_some()
            && (self.application_secret_file.is_some()
                || set("EQP_APPLICATION_SECRET")
                || set("EQP_APPLICATION_SECRET_FILE"))
    }

    /// Reads the access key and the extra authority.
    pub(crate) fn resolve(&self) -> Outcome<Marketplace> {
        let environment = self.environment();
        if let Some(url) = &self.api_url {
            check_api_url(url)?;
        }
        let ca_pem = match &self.ca_file {
            None => None,
            Some(path) => Some(std::fs::read(path).map_err(|error| {
                Failure::usage(format!("cannot read the certificate {}", path.display())).because(&error)
            })?),
        };
        let missing = |what: &str, next: &str| {
            Failure::new(Exit::NotAuthorised, format!("there is no {what} for {environment}")).next(next)
        };
        let application_id = self.application_id.clone().ok_or_else(|| {
            missing(
                "application id",
                "make an access key in the developer portal, then set EQP_APPLICATION_ID and EQP_APPLICATION_SECRET_FILE",
            )
        })?;
        let secret = match (
            from_environment("EQP_APPLICATION_SECRET", "the application secret")?,
            &self.application_secret_file,
        ) {
            (Some(secret), _) => secret,
            (None, Some(file)) => read_secret(file, "the application secret")?,
            (None, None) => {
                return Err(missing(
                    "application secret",
                    "put it into EQP_APPLICATION_SECRET, or into a file of mode 0600 that EQP_APPLICATION_SECRET_FILE names",
                ));
            }
        };
        Ok(Marketplace {
            environment,
            api_url: self.api_url.clone(),
            ca_pem,
            key: ApiKey { application_id, application_secret: secret },
        })
    }
}

fn check_api_url(url: &Url) -> Outcome {
    let refused = |why: &str| {
        Err(Failure::usage("the API's URL cannot be used").why(why).next("give one such as https://localhost:7443"))
    };
    if url.scheme() != "https" {
        return refused("it is not https://");
    }
    if url.password().is_some() || !url.username().is_empty() {
        return refused("it has credentials in it");
    }
    Ok(())
}
