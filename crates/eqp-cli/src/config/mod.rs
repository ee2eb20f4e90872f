//! Configuration: `eqp.toml`, the environment, flags, in rising strength.
//!
//! One struct per concern holds what can be set; the same struct is read from the file and from the command line, so
//! that a name means the same in both. What a command uses is made of it by `resolve`, which also reads secrets.

mod api_url;
mod data;
mod database;
mod database_url;
mod file;
mod keep;
pub(crate) mod keyring;
pub(crate) mod keys;
mod listen;
mod marketplace;
mod operator;
pub(crate) mod profile;
mod receiver;
mod secret;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

pub(crate) use data::{DataFolder, DataOptions};
pub(crate) use database::{DatabaseChoice, DatabaseOptions};
pub(crate) use database_url::DatabaseUrl;
pub(crate) use keep::Keep;
pub(crate) use keys::nearest;
pub(crate) use listen::ListenAddress;
pub(crate) use marketplace::{Marketplace, MarketplaceOptions};
pub(crate) use operator::OperatorListen;
pub(crate) use receiver::{ReceiverOptions, Wire};
pub(crate) use secret::{from_environment, read_secret, text as secret_text};

use self::file::Wanted;
use crate::failure::Outcome;
use crate::output::notice;

/// Where the configuration file is, and which part of it holds.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct FileOptions {
    /// Configuration file [default: eqp.toml in $XDG_CONFIG_HOME/eqp; one in the current folder may set some harmless
    /// values of the receiver]
    #[arg(long, global = true, env = "EQP_CONFIG", hide_env_values = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Profile of the configuration file [default: the file's own choice, or that of --environment]
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

    /// Paths in a file are meant from the folder that the file is in.
    fn in_folder(&mut self, folder: &Path) {
        self.data.in_folder(folder);
        self.marketplace.in_folder(folder);
        self.database.in_folder(folder);
        self.receiver.in_folder(folder);
    }
}

/// What becomes of a profile, or a named file, that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is an error.
    Refused,
    /// It is to be made.
    Allowed,
}

/// The configuration, and where it comes from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Everything laid over each other.
    pub(crate) settings: Layer,
    /// What was given by flags and by the environment.
    pub(crate) given: Layer,
    /// The file that was named, or that of this user, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// A file that was found in the current folder, with what it sets.
    pub(crate) discovered: Option<(PathBuf, Layer)>,
    /// What its top level sets.
    pub(crate) base: Layer,
    /// The profile that is used, with what it sets.
    pub(crate) profile: Option<(String, Layer)>,
    /// The names of all profiles.
    pub(crate) profiles: Vec<String>,
}

/// Looks whether a file with this text would be read, for the fuzzers.
pub(crate) fn read_text(path: &Path, text: &str) -> Outcome {
    file::read_text(path, text, Wanted::default(), Absent::Refused).map(drop)
}

/// Reads the files that there are, and lays what was given on the command line and in the environment over them.
pub(crate) fn load(options: &FileOptions, mut given: Layer, absent: Absent) -> Outcome<Loaded> {
    given.database.refuse_secrets_in_arguments()?;
    given.database = given.database.over(DatabaseOptions::from_environment()?);
    given.marketplace.check()?;
    let found = file::find(options, absent)?;
    let discovered = match found.discovered {
        Some(path) => {
            let (layer, set) = file::read_discovered(&path)?;
            if !set.is_empty() {
                // Also with --quiet: nobody should wonder where these came from.
                notice(&format!("using {} of the current folder: {}", path.display(), set.join(", ")));
            }
            Some((path, layer))
        }
        None => None,
    };
    let file::Read { base, profile, profiles } = if let Some(path) = &found.trusted {
        let wanted = Wanted { name: options.profile.as_deref(), environment: given.marketplace.environment };
        file::read(path, wanted, absent)?
    } else {
        if absent == Absent::Refused {
            file::without_file(options)?;
        }
        file::Read::default()
    };
    let mut of_file = match &profile {
        Some((_, layer)) => layer.clone().over(base.clone()),
        None => base.clone(),
    };
    of_file.marketplace.bind_secret();
    if let Some((_, layer)) = &discovered {
        of_file = layer.clone().over(of_file);
    }
    Ok(Loaded {
        settings: given.clone().over(of_file),
        given,
        file: found.trusted,
        discovered,
        base,
        profile,
        profiles,
    })
}
