//! The state that all pages share.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use eqp_store::internal::{instance, within};
use eqp_store::sqlx::Postgres;
use eqp_store::sqlx::pool::PoolConnection;
use eqp_store::{Error, Store};
use time::OffsetDateTime;

use super::cookie::CookieNames;
use crate::authenticate::{Authenticator, DEADLINE};
use crate::problem::Problem;

/// The time for which a page waits for a connection to the database.
const CONNECT: Duration = Duration::from_secs(1);

/// The state that all pages share.
#[derive(Clone)]
pub(crate) struct PagesState {
    pub(super) store: Store,
    /// The router of the API for callers in the same process.
    pub(super) api: Router,
    pub(super) authenticator: Authenticator,
    names: Arc<OnceLock<CookieNames>>,
    /// When the database last answered.
    answered_at: Arc<Mutex<Option<OffsetDateTime>>>,
}

impl PagesState {
    pub(super) fn new(store: Store, api: Router, authenticator: Authenticator) -> Self {
        Self { store, api, authenticator, names: Arc::default(), answered_at: Arc::default() }
    }

    /// Returns a connection, without making the user of a page wait for long while the database is down.
    pub(super) async fn connection(&self) -> Result<PoolConnection<Postgres>, Error> {
        within(CONNECT, self.store.pool().acquire()).await
    }

    /// Returns the names of the session cookie. They contain a part of the ID of the installation, because browsers send the cookies of
    /// one host to all of its ports.
    pub(super) async fn cookie_names(&self) -> Result<CookieNames, Problem> {
        if let Some(names) = self.names.get() {
            return Ok(names.clone());
        }
        let mut connection = self.connection().await?;
        let id = within(DEADLINE, instance::id(&mut connection));
        // A database gets its ID when a receiver first uses it.
        let Some(id) = id.await? else { return Ok(CookieNames::new("")) };
        Ok(self.names.get_or_init(|| CookieNames::new(&id.simple().to_string()[..12])).clone())
    }

    /// Records that the database has just answered.
    pub(super) fn answered(&self) {
        *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(OffsetDateTime::now_utc());
    }

    /// Returns when the database last answered, if it has since the start.
    pub(super) fn answered_at(&self) -> Option<OffsetDateTime> {
        *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
