//! What every command is given.

use crate::cli::Command;
use eqp_types::Environment;
use url::Url;

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
        let is_simulated = settings.marketplace.api_url().is_some_and(|url| !is_the_marketplaces(url));
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

/// Whether an API's URL is one of the Marketplace itself, in its newer or its older spelling.
fn is_the_marketplaces(url: &Url) -> bool {
    let environments = [Environment::Production, Environment::Sandbox];
    let mut urls = environments.iter().flat_map(|environment| [environment.base_url(), environment.older_base_url()]);
    urls.any(|known| Url::parse(known).is_ok_and(|known| known.host() == url.host()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marketplaces_own_hosts_are_no_simulator() {
        for (url, expected) in [
            ("https://commercedeveloper-api.adobe.com", true),
            ("https://developer-api.magento.com/", true),
            ("https://DEVELOPER-API.magento.com:443", true),
            ("https://localhost:7443", false),
            ("https://developer-api.magento.com.example", false),
        ] {
            assert_eq!(is_the_marketplaces(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
