//! Configuration: `eqp.toml`, the environment, flags, in rising strength.
//!
//! One struct per concern holds what can be set; the same struct is read from the file and from the command line, so
//! that a name means the same in both. What a command uses is made of it by `resolve`, which also reads secrets.

mod data;
mod database;
mod file;
mod keep;
mod keys;
mod marketplace;
mod operator;
mod receiver;
mod secret;

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

pub(crate) use data::{DataFolder, DataOptions};
pub(crate) use database::{DatabaseChoice, DatabaseOptions};
pub(crate) use keep::Keep;
pub(crate) use marketplace::MarketplaceOptions;
pub(crate) use operator::OperatorListen;
pub(crate) use receiver::{ReceiverOptions, Wire};
pub(crate) use secret::read_secret;

use crate::failure::Outcome;

/// Where the configuration file is, and which part of it holds.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct FileOptions {
    /// Configuration file [default: eqp.toml here, else in $XDG_CONFIG_HOME/eqp]
    #[arg(long, global = true, env = "EQP_CONFIG", hide_env_values = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Profile of the configuration file
    #[arg(long, global = true, env = "EQP_PROFILE", hide_env_values = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// Everything that can be set in the file, at its top level and in each profile.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Layer {
    pub(crate) data: DataOptions,
    pub(crate) marketplace: MarketplaceOptions,
    pub(crate) database: DatabaseOptions,
    pub(crate) receiver: ReceiverOptions,
}

impl Layer {
    /// This layer over a weaker one.
    fn over(self, weaker: Self) -> Self {
        Self {
            data: self.data.over(weaker.data),
            marketplace: self.marketplace.over(weaker.marketplace),
            database: self.database.over(weaker.database),
            receiver: self.receiver.over(weaker.receiver),
        }
    }
}

/// Reads the file, if there is one, and lays what was given on the command line and in the environment over it.
pub(crate) fn load(file: &FileOptions, mut given: Layer) -> Outcome<Layer> {
    given.database.refuse_secrets_in_arguments()?;
    given.database = given.database.over(DatabaseOptions::from_environment());
    let found = file::find(file)?;
    match found {
        Some(path) => Ok(given.over(file::read(&path, file.profile.as_deref())?)),
        None => file::without_file(file).map(|()| given),
    }
}
