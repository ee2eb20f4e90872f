//! Reads the configuration. Flags override environment variables, which override `eqp.toml`.
//!
//! Each group of settings is a struct, used for both the file and the command line. Its method `resolve` reads secrets
//! and returns the values that a command uses.

mod alerts;
mod api_url;
pub(crate) mod catalog;
mod composer;
mod data;
mod database;
mod deliver;
pub(crate) mod editor_schema;
mod file;
pub(crate) mod keyring;
pub(crate) mod keys;
mod listen;
mod mail;
mod marketplace;
pub(crate) mod named_tables;
mod products;
pub(crate) mod profile;
mod profile_selection;
mod receiver;
mod roles;
mod secret;
mod server;
mod subscriptions;
pub(crate) mod template;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_deliver::HandlerEnvironment;
use serde::Deserialize;

pub(crate) use alerts::AlertOptions;
pub(crate) use composer::ComposerOptions;
pub(crate) use data::{DataFolder, DataOptions};
pub(crate) use database::{DatabaseChoice, DatabaseOptions};
pub(crate) use deliver::{DeliverOptions, ProgramOptions, Programs};
pub(crate) use eqp_store::internal::DatabaseUrl;
pub(crate) use listen::ListenAddress;
pub(crate) use listen::OperatorListen;
pub(crate) use mail::{MailOptions, Security};
pub(crate) use marketplace::{Marketplace, MarketplaceOptions};
pub(crate) use products::{ProductOptions, Products, shown, sources};
pub(crate) use receiver::{HostName, ListingsInterval, ReceiverOptions, ReconcileInterval, RetentionPeriod, Wire};
pub(crate) use roles::Role;
pub(crate) use secret::{from_environment, read_secret, text as secret_text};
pub(crate) use server::{Server, ServerOptions};
pub(crate) use subscriptions::{DeclaredSubscriptions, SubscriptionOptions, declared as declared_subscriptions};

use self::profile_selection::ProfileSelector;
use crate::failure::Result;
use crate::output::notice;

/// Options for the configuration file and the profile.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct FileOptions {
    /// Configuration file [default: eqp.toml in $XDG_CONFIG_HOME/eqp]
    ///
    /// An eqp.toml in the current folder may only set receiver.listen, receiver.spool_bytes and receiver.tls_names.
    #[arg(long, global = true, env = "EQP_CONFIG", hide_env_values = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Profile to use [default: the profile for --environment, otherwise the default profile]
    #[arg(long, global = true, env = "EQP_PROFILE", hide_env_values = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// The settings that the file can contain, at its top level and in each profile.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Layer {
    pub(crate) data: DataOptions,
    pub(crate) marketplace: MarketplaceOptions,
    pub(crate) database: DatabaseOptions,
    pub(crate) server: ServerOptions,
    pub(crate) receiver: ReceiverOptions,
    pub(crate) alerts: AlertOptions,
    pub(crate) deliver: DeliverOptions,
    pub(crate) mail: MailOptions,
    pub(crate) composer: ComposerOptions,
}

impl Layer {
    /// Returns this layer, with missing values taken from a weaker layer.
    fn over(self, weaker: Self) -> Self {
        Self {
            data: self.data.over(weaker.data),
            marketplace: self.marketplace.over(weaker.marketplace),
            database: self.database.over(weaker.database),
            server: self.server.over(weaker.server),
            receiver: self.receiver.over(weaker.receiver),
            alerts: self.alerts.over(weaker.alerts),
            deliver: self.deliver.over(weaker.deliver),
            mail: self.mail.over(weaker.mail),
            composer: self.composer.over(weaker.composer),
        }
    }

    /// Resolves paths, which are relative to the folder of the file.
    fn in_folder(&mut self, folder: &Path) {
        self.data.in_folder(folder);
        self.marketplace.in_folder(folder);
        self.database.in_folder(folder);
        self.server.in_folder(folder);
        self.receiver.in_folder(folder);
        self.mail.in_folder(folder);
    }

    /// Returns what the handlers of subscriptions can use.
    pub(crate) fn handlers(&self, programs: &Programs) -> Result<HandlerEnvironment> {
        let environment = self.deliver.environment(programs)?;
        #[cfg(feature = "email")]
        if let Some(server) = self.mail.resolve()? {
            return Ok(environment.with_mail(server));
        }
        Ok(environment)
    }
}

/// Returns the value of an environment variable. An empty one counts as unset.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Resolves a path in a configuration file, which is relative to the file's folder.
fn from_folder(path: &mut Option<PathBuf>, folder: &Path) {
    if let Some(path) = path {
        *path = folder.join(&*path);
    }
}

/// How to treat a requested profile or file that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMissing {
    /// As an error.
    Fail,
    /// As a file or profile that the command will create.
    Create,
}

/// The configuration and its origins.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// All layers combined.
    pub(crate) settings: Layer,
    /// The settings from flags and environment variables.
    pub(crate) given: Layer,
    /// The file given by `--config`, or the user's file if it exists.
    pub(crate) file: Option<PathBuf>,
    /// A file that was found in the current folder, and its settings.
    pub(crate) discovered: Option<(PathBuf, Layer)>,
    /// The settings at the top level of `file`.
    pub(crate) base: Layer,
    /// The selected profile and its settings.
    pub(crate) profile: Option<(String, Layer)>,
    /// The names of all profiles.
    pub(crate) profiles: Vec<String>,
    /// The products of the vendor.
    pub(crate) products: Products,
    /// The programs of `file` that handlers can run.
    pub(crate) programs: Programs,
    /// The subscriptions that `file` declares.
    pub(crate) subscriptions: DeclaredSubscriptions,
}

/// Checks whether a file with this text can be read, for the fuzzers.
pub(crate) fn read_text(path: &Path, text: &str) -> Result {
    file::read_text(path, text, ProfileSelector::default(), IfMissing::Fail).map(drop)
}

/// Reads the existing files, and overrides them with the command line and the environment.
pub(crate) fn load(options: &FileOptions, mut given: Layer, if_missing: IfMissing) -> Result<Loaded> {
    given.database.refuse_secrets_in_arguments()?;
    given.database = given.database.over(DatabaseOptions::from_environment()?);
    given.marketplace.check()?;
    given.server.check()?;
    let found = file::find(options, if_missing)?;
    let discovered = match found.discovered {
        Some(path) => {
            let (layer, set) = file::read_discovered(&path)?;
            if !set.is_empty() {
                // Printed even with --quiet, so that the origin of these values is visible.
                notice(&format!("using {} of the current folder: {}", path.display(), set.join(", ")));
            }
            Some((path, layer))
        }
        None => None,
    };
    let file::ParsedFile { base, profile, profiles, products, programs, subscriptions } = if let Some(path) =
        &found.trusted
    {
        let selector = ProfileSelector { name: options.profile.as_deref(), environment: given.marketplace.environment };
        file::read(path, selector, if_missing)?
    } else {
        if if_missing == IfMissing::Fail {
            file::without_file(options)?;
        }
        file::ParsedFile::default()
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
        products,
        programs,
        subscriptions,
    })
}
