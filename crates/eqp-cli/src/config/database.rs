//! Selects the database: a configured one, or the embedded one.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_types::Secret;
use serde::Deserialize;

use super::DatabaseUrl;
use super::secret::{read_secret, refuse_open, text as secret_text};
use super::{from_folder, variable};
use crate::failure::{Failure, Result};

/// Options for the database.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct DatabaseOptions {
    /// URL of the Postgres database, without a password [default: an embedded Postgres in the data folder]
    ///
    /// If the URL contains a password, set EQP_DATABASE_URL instead, or EQP_DATABASE_URL_FILE to a file that contains
    /// the URL.
    #[arg(id = "database_url", long = "database", global = true, value_name = "URL")]
    pub(crate) url: Option<Secret>,
    /// The file with mode 0600 that contains the URL.
    #[arg(skip)]
    pub(crate) url_file: Option<PathBuf>,
}

/// The database that commands use.
#[derive(Debug)]
pub(crate) enum DatabaseChoice {
    /// An existing Postgres server.
    Given(DatabaseUrl),
    /// The embedded Postgres of the data folder.
    Embedded,
}

impl DatabaseOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        if self.url.is_some() || self.url_file.is_some() { self } else { weaker }
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.url_file, folder);
    }

    /// Rejects a password in an argument, which is visible in the process list and stays in the shell history.
    pub(super) fn refuse_secrets_in_arguments(&self) -> Result {
        let Some(url) = &self.url else { return Ok(()) };
        if DatabaseUrl::parse(url)?.has_secret() {
            return Err(Failure::usage("a password was given in an argument")
                .why("arguments are visible in the process list and stay in the shell history")
                .next(
                    "set EQP_DATABASE_URL, or write the URL to a file with mode 0600 and set EQP_DATABASE_URL_FILE",
                ));
        }
        Ok(())
    }

    /// Rejects a configuration file that others can read, if it contains a password or a URL that cannot be parsed.
    pub(super) fn refuse_open_secret(&self, file: &Path) -> Result {
        match &self.url {
            Some(url) if DatabaseUrl::parse(url).map_or(true, |url| url.has_secret()) => {
                refuse_open(file, "a database password")
            }
            _ => Ok(()),
        }
    }

    /// Returns the options from the environment, which may contain a password.
    pub(super) fn from_environment() -> Result<Self> {
        let url = variable("EQP_DATABASE_URL").map(|url| {
            let url = url.into_string().map_err(|_| Failure::usage("EQP_DATABASE_URL is not UTF-8"))?;
            secret_text(&url, "the database URL", "EQP_DATABASE_URL")
        });
        Ok(Self { url: url.transpose()?, url_file: variable("EQP_DATABASE_URL_FILE").map(PathBuf::from) })
    }

    /// Returns the database to use.
    pub(crate) fn resolve(&self) -> Result<DatabaseChoice> {
        let url = match (&self.url, &self.url_file) {
            (Some(url), _) => url.clone(),
            (None, Some(file)) => read_secret(file, "the database URL")?,
            (None, None) => return Ok(DatabaseChoice::Embedded),
        };
        Ok(DatabaseChoice::Given(DatabaseUrl::parse(&url)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_argument_is_refused_in_every_position() {
        for url in ["postgres://a:hush@h/d", "postgres://h/d?user=a&password=hush", "postgres://:hush@h/d"] {
            let options = DatabaseOptions { url: Some(Secret::new(url)), url_file: None };
            let failure = options.refuse_secrets_in_arguments().unwrap_err();
            assert!(!failure.to_string().contains("hush"), "{failure}");
        }
        let harmless = Some(Secret::new("postgres://a@h/d?sslmode=require"));
        DatabaseOptions { url: harmless, url_file: None }.refuse_secrets_in_arguments().unwrap();
    }
}
