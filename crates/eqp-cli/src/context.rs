//! What every command is given.

use crate::cli::{Cli, Colour};
use crate::config::{self, Layer};
use crate::failure::Outcome;
use crate::output::{Confirmation, Output};

/// Configuration, and how to speak to who called.
#[derive(Debug)]
pub(crate) struct Context {
    /// What is set, by file, environment and flags.
    pub(crate) settings: Layer,
    /// Where data and notes go.
    pub(crate) output: Output,
    /// Whether writes to production were agreed to.
    pub(crate) confirmation: Confirmation,
}

impl Context {
    /// Reads the configuration.
    pub(crate) fn new(cli: &Cli) -> Outcome<Self> {
        let settings = config::load(&cli.file, cli.given())?;
        let is_simulated = settings.marketplace.api_url.is_some();
        Ok(Self {
            settings,
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
