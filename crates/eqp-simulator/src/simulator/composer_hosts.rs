//! The local replacements for Packagist and for the Composer repository of a running simulator.

use super::Simulator;
use crate::composer::{PackagistPackage, RepositoryForm};

impl Simulator {
    /// Sets what Packagist serves for a package.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use eqp_simulator::{PackagistPackage, Simulator};
    ///
    /// let simulator = Simulator::builder().start().await?;
    /// simulator.set_packagist("acme/badges", PackagistPackage::Minified(vec!["2.1.1".into(), "2.1.0".into()]));
    /// # simulator.shutdown().await;
    /// # Ok::<(), eqp_simulator::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_packagist(&self, name: &str, package: PackagistPackage) {
        self.composer.set_packagist(name, package);
    }

    /// Sets the form of the store's Composer repository.
    pub fn set_repository(&self, form: RepositoryForm) {
        self.composer.set_repository(form);
    }

    /// Returns the requests to both hosts since the last call, each as its path and the status of the response.
    pub fn take_composer_requests(&self) -> Vec<String> {
        self.composer.take_requests()
    }
}
