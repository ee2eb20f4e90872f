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

/// The path of the page of a submission for people outside.
pub(super) const SHARED: &str = "/shared";

/// The time for which a page waits for a connection to the database.
const CONNECT: Duration = Duration::from_secs(1);

/// The state that all pages share.
#[derive(Clone)]
pub(crate) struct PagesState {
    pub(super) store: Store,
    /// The router of the API for callers in the same process.
    pub(super) api: Router,
    pub(super) authenticator: Authenticator,
    /// The part of the names of cookies that identifies the installation.
    cookies: Arc<OnceLock<String>>,
    /// When the database last answered.
    answered_at: Arc<Mutex<Option<OffsetDateTime>>>,
}

impl PagesState {
    pub(super) fn new(store: Store, api: Router, authenticator: Authenticator) -> Self {
        Self { store, api, authenticator, cookies: Arc::default(), answered_at: Arc::default() }
    }

    /// Returns a connection, without making the user of a page wait for long while the database is down.
    pub(super) async fn connection(&self) -> Result<PoolConnection<Postgres>, Error> {
        within(CONNECT, self.store.pool().acquire()).await
    }

    /// Returns the names of the cookie of a session.
    pub(super) async fn session_cookie(&self) -> Result<CookieNames, Problem> {
        Ok(CookieNames::of_sessions(&self.installation().await?))
    }

    /// Returns the names of the cookie of a link to a submission.
    pub(super) async fn link_cookie(&self) -> Result<CookieNames, Problem> {
        Ok(CookieNames::of_links(&self.installation().await?, SHARED))
    }

    /// Returns a part of the ID of the installation. The names of cookies contain it, because browsers send the cookies of one host to all
    /// of its ports.
    async fn installation(&self) -> Result<String, Problem> {
        if let Some(part) = self.cookies.get() {
            return Ok(part.clone());
        }
        let mut connection = self.connection().await?;
        let id = within(DEADLINE, instance::id(&mut connection));
        // A database gets its ID when a receiver first uses it.
        let Some(id) = id.await? else { return Ok(String::new()) };
        Ok(self.cookies.get_or_init(|| id.simple().to_string()[..12].to_owned()).clone())
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
