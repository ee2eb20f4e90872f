//! Which database: a given one, or the embedded one.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_types::Secret;
use serde::Deserialize;

use super::database_url::DatabaseUrl;
use super::file::from_folder;
use super::secret::{read_secret, refuse_open, text as secret_text};
use crate::failure::{Failure, Outcome};

/// Where the database is.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct DatabaseOptions {
    /// Postgres as an URL without a password; with one: EQP_DATABASE_URL or EQP_DATABASE_URL_FILE
    /// [default: an embedded Postgres in the data folder]
    #[arg(id = "database_url", long = "database", global = true, value_name = "URL")]
    pub(crate) url: Option<Secret>,
    /// A file of mode 0600 that holds the URL.
    #[arg(skip)]
    pub(crate) url_file: Option<PathBuf>,
}

/// The database that commands use.
#[derive(Debug)]
pub(crate) enum DatabaseChoice {
    /// A Postgres that somebody runs.
    Given(DatabaseUrl),
    /// The private Postgres of the data folder.
    Embedded,
}

impl DatabaseOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        if self.url.is_some() || self.url_file.is_some() { self } else { weaker }
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.url_file, folder);
    }

    /// An argument shows in the list of processes and stays in the shell's history.
    pub(super) fn refuse_secrets_in_arguments(&self) -> Outcome {
        let Some(url) = &self.url else { return Ok(()) };
        if DatabaseUrl::parse(url)?.has_secret() {
            return Err(Failure::usage("a password was given in an argument")
                .why("arguments show in the list of processes and stay in the shell's history")
                .next(
                    "put the URL into EQP_DATABASE_URL, or into a file of mode 0600 that EQP_DATABASE_URL_FILE names",
                ));
        }
        Ok(())
    }

    /// A configuration file that holds a password must be its owner's alone; so must one with a URL that cannot be read.
    pub(super) fn refuse_open_secret(&self, file: &Path) -> Outcome {
        match &self.url {
            Some(url) if DatabaseUrl::parse(url).map_or(true, |url| url.has_secret()) => {
                refuse_open(file, "a database password")
            }
            _ => Ok(()),
        }
    }

    /// What the environment says, where a password may stand.
    pub(super) fn from_environment() -> Outcome<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let url = variable("EQP_DATABASE_URL").map(|url| {
            let url = url.into_string().map_err(|_| Failure::usage("EQP_DATABASE_URL is not UTF-8"))?;
            secret_text(&url, "the database URL", "EQP_DATABASE_URL")
        });
        Ok(Self { url: url.transpose()?, url_file: variable("EQP_DATABASE_URL_FILE").map(PathBuf::from) })
    }

    /// The database to use.
    pub(crate) fn resolve(&self) -> Outcome<DatabaseChoice> {
        let url = match (&self.url, &self.url_file) {
            (Some(url), _) => url.clone(),
            (None, Some(file)) => read_secret(file, "the database URL")?,
            (None, None) => return Ok(DatabaseChoice::Embedded),
        };
        DatabaseUrl::parse(&url).map(DatabaseChoice::Given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_argument_is_refused_wherever_it_stands() {
        for url in ["postgres://a:hush@h/d", "postgres://h/d?user=a&password=hush", "postgres://:hush@h/d"] {
            let options = DatabaseOptions { url: Some(Secret::new(url)), url_file: None };
            let failure = options.refuse_secrets_in_arguments().unwrap_err();
            assert!(!failure.to_string().contains("hush"), "{failure}");
        }
        let harmless = Some(Secret::new("postgres://a@h/d?sslmode=require"));
        DatabaseOptions { url: harmless, url_file: None }.refuse_secrets_in_arguments().unwrap();
    }
}
