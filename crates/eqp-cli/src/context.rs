//! What every command is given.

use crate::cli::Command;
use crate::cli::{Cli, Colour};
use crate::config::{self, Absent, Layer, Loaded};
use crate::failure::Outcome;
use crate::output::{Confirmation, Output};

/// Configuration, and how to speak to who called.
#[derive(Debug)]
pub(crate) struct Context {
    /// What is set, by file, environment and flags.
    pub(crate) settings: Layer,
    /// The same in its layers, with the file.
    pub(crate) loaded: Loaded,
    /// The options that stand on the command line itself, by their ids.
    pub(crate) flags: Vec<String>,
    /// The profile that was asked for, there or not.
    pub(crate) wanted_profile: Option<String>,
    /// Where data and notes go.
    pub(crate) output: Output,
    /// Whether writes to production were agreed to.
    pub(crate) confirmation: Confirmation,
}

impl Context {
    /// Reads the configuration.
    pub(crate) fn new(cli: &Cli) -> Outcome<Self> {
        // Who logs in makes the profile.
        let absent = if matches!(cli.command, Command::Login(_)) { Absent::Allowed } else { Absent::Refused };
        let loaded = config::load(&cli.file, cli.given(), absent)?;
        let settings = loaded.settings.clone();
        let is_simulated = settings.marketplace.api_url.is_some();
        Ok(Self {
            settings,
            loaded,
            flags: cli.flags.clone(),
            wanted_profile: cli.file.profile.clone(),
            output: Output::new(cli.screen.json, cli.screen.quiet),
            confirmation: Confirmation { given: cli.screen.yes, is_simulated },
        })
    }
}

/// Sets for the whole program when colour is used.
pub(crate) fn choose_colour(colour: Colour) {
    let choice = match colour {
        Colour::Auto => anstream::ColorChoice::Auto,
        Colour::Always => anstream::ColorChoice::Always,
        Colour::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}
