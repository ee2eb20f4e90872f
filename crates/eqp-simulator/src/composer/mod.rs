//! Local replacements for Packagist and for the store's Composer repository, next to the simulated API.
//!
//! Packagist is at `/packagist/`, and contains what a test puts there. The repository is at `/composer/`: every enabled Composer key of an
//! account can read the metadata of the packages that are in the store.

mod packagist;
mod repository;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::routing::get;

pub use self::packagist::PackagistPackage;
pub use self::repository::RepositoryForm;
use crate::shared::Shared;

/// The content of the two hosts, and the requests to them.
#[derive(Default)]
pub(crate) struct ComposerHosts(Mutex<HostState>);

#[derive(Default)]
struct HostState {
    packagist: packagist::Packages,
    form: RepositoryForm,
    requests: Vec<String>,
}

impl ComposerHosts {
    pub(crate) fn set_packagist(&self, name: &str, package: PackagistPackage) {
        self.state().packagist.set(name, package);
    }

    pub(crate) fn set_repository(&self, form: RepositoryForm) {
        self.state().form = form;
    }

    /// Returns the requests since the last call.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> MutexGuard<'_, HostState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of the routes.
#[derive(Clone)]
struct Hosts {
    shared: Arc<Shared>,
    hosts: Arc<ComposerHosts>,
}

/// Returns the routes of both hosts.
pub(crate) fn router(shared: Arc<Shared>, hosts: Arc<ComposerHosts>) -> Router {
    Router::new()
        .route("/packagist/{*path}", get(packagist::get))
        .route("/composer/{*path}", get(repository::get))
        .with_state(Hosts { shared, hosts })
}
