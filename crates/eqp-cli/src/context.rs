//! The context of a command: its configuration, output and confirmation.

use eqp_types::Environment;
use url::Url;

use crate::config::{self, FileOptions, IfMissing, Layer, Loaded};
use crate::failure::Result;
use crate::output::{Confirm, Output, OutputOptions};

/// The context of a command.
#[derive(Debug)]
pub(crate) struct Context {
    /// The effective settings, from file, environment and flags.
    pub(crate) settings: Layer,
    /// The layers that the settings come from.
    pub(crate) loaded: Loaded,
    /// The IDs of the options given on the command line.
    pub(crate) flags: Vec<String>,
    /// The requested profile, which may not exist.
    pub(crate) requested_profile: Option<String>,
    /// The output for data and notes.
    pub(crate) output: Output,
    /// How changes are confirmed.
    pub(crate) confirm: Confirm,
}

impl Context {
    /// Reads the configuration. `given` contains the values of flags and their environment variables, `flags` the IDs of the options
    /// given on the command line.
    pub(crate) fn new(
        file: &FileOptions,
        options: OutputOptions,
        given: Layer,
        flags: &[String],
        if_missing: IfMissing,
    ) -> Result<Self> {
        let loaded = config::load(file, given, if_missing)?;
        let settings = loaded.settings.clone();
        let is_simulated = settings.marketplace.api_url().is_some_and(|url| !is_the_marketplaces(url));
        Ok(Self {
            settings,
            loaded,
            flags: flags.to_vec(),
            requested_profile: file.profile.clone(),
            output: Output::new(options.json, options.quiet),
            confirm: Confirm { given: options.yes, is_simulated },
        })
    }
}

/// Returns whether this is an API URL of the Marketplace itself, current or older.
pub(crate) fn is_the_marketplaces(url: &Url) -> bool {
    let environments = [Environment::Production, Environment::Sandbox];
    let mut urls = environments.iter().flat_map(|environment| [environment.base_url(), environment.older_base_url()]);
    urls.any(|known| Url::parse(known).is_ok_and(|known| known.host() == url.host()))
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
