//! The settings of Composer repositories: where `eqp packages published` reads versions.

use clap::Args;
use eqp_release::published::PublishedSources;
use serde::Deserialize;
use url::Url;

use super::api_url::ApiUrl;
use crate::failure::Result;

/// The folder of the simulator's own Packagist, below its address.
const SIMULATED_PACKAGIST: &str = "packagist/";
/// The folder of the simulator's own Composer repository.
const SIMULATED_REPOSITORY: &str = "composer/";

/// Options for Composer repositories.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ComposerOptions {
    /// Metadata of Packagist [default: https://repo.packagist.org; with a simulator, its own]
    #[arg(long, env = "EQP_PACKAGIST_URL", hide_env_values = true, hide_short_help = true, value_name = "URL")]
    pub(crate) packagist_url: Option<ApiUrl>,
    /// Composer repository of the store [default: https://repo.magento.com; with a simulator, its own]
    #[arg(long, env = "EQP_REPOSITORY_URL", hide_env_values = true, hide_short_help = true, value_name = "URL")]
    pub(crate) repository_url: Option<ApiUrl>,
}

impl ComposerOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        Self {
            packagist_url: self.packagist_url.or(weaker.packagist_url),
            repository_url: self.repository_url.or(weaker.repository_url),
        }
    }

    /// Returns the hosts to read. `simulator` is the address of the API, if that is not the Marketplace's own: a simulator has a Packagist
    /// and a repository of its own.
    pub(crate) fn sources(&self, simulator: Option<&Url>) -> Result<PublishedSources> {
        let packagist = host(self.packagist_url.as_ref(), simulator, SIMULATED_PACKAGIST, PublishedSources::PACKAGIST)?;
        let repository =
            host(self.repository_url.as_ref(), simulator, SIMULATED_REPOSITORY, PublishedSources::REPOSITORY)?;
        Ok(PublishedSources::new(packagist, repository))
    }
}

/// Returns the URL of a host, which ends with `/`.
fn host(configured: Option<&ApiUrl>, simulator: Option<&Url>, folder: &str, default: &str) -> Result<Url> {
    let mut url = match (configured, simulator) {
        (Some(configured), _) => configured.usable()?.clone(),
        (None, Some(simulator)) => simulator.join(folder).expect("a folder can be joined to a URL with a host"),
        (None, None) => default.parse().expect("the default is a URL"),
    };
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulator_has_hosts_of_its_own_unless_others_are_configured() {
        let hosts = |packagist: Option<&str>, simulator: Option<&str>| {
            let options = ComposerOptions {
                packagist_url: packagist.map(|url| ApiUrl::from(url.to_owned())),
                repository_url: None,
            };
            let simulator = simulator.map(|url| url.parse().unwrap());
            let sources = options.sources(simulator.as_ref()).unwrap();
            [sources.packagist.to_string(), sources.repository.to_string()]
        };
        assert_eq!(hosts(None, None), ["https://repo.packagist.org/", "https://repo.magento.com/"]);
        let simulated = ["https://localhost:7443/packagist/", "https://localhost:7443/composer/"];
        assert_eq!(hosts(None, Some("https://localhost:7443")), simulated);
        let mirror = hosts(Some("https://mirror.example/packagist"), Some("https://localhost:7443"));
        assert_eq!(mirror, ["https://mirror.example/packagist/", "https://localhost:7443/composer/"]);
    }
}
