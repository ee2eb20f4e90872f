//! Authenticates a request by its head, before the body is read. The credentials are in memory, so no query is needed.

use std::sync::Arc;

use http::request::Parts;

use super::basic::Basic;
use crate::endpoint::credential_cache::CredentialCache;
use crate::endpoint::credential_index::Principal;
use crate::results::Refusal;

/// Proof that a request has a valid credential.
#[derive(Debug)]
pub(super) struct Authenticated(Arc<Principal>);

impl Authenticated {
    pub(super) fn principal(&self) -> &Principal {
        &self.0
    }
}

/// Checks the credential of a request. An unknown credential may be new, so the credentials are loaded again before it is
/// rejected, unless its source has had too many failures (`may_refresh`).
///
/// The path is only used afterwards: to choose between endpoints that share a credential, and to decide between 401 and,
/// for a path of the embedding service (not `is_ours`), 404. A rejected request with a user name that an endpoint has or had is reported
/// to `on_known_username`.
pub(super) async fn authenticate(
    credentials: &CredentialCache,
    head: &Parts,
    may_refresh: impl FnOnce() -> bool,
    is_ours: impl FnOnce() -> bool,
    on_known_username: impl FnOnce(&str),
) -> Result<Authenticated, Refusal> {
    if let Some(basic) = Basic::read(&head.headers) {
        let find = || credentials.find(target(head), basic.username(), basic.password()).map(Authenticated);
        if let Some(authenticated) = find() {
            return Ok(authenticated);
        }
        if may_refresh() {
            credentials.refreshed().await;
            if let Some(authenticated) = find() {
                return Ok(authenticated);
            }
        }
        // Probably a callback with a password that somebody has changed: what it reports has to be read from the API.
        if let Some(endpoint) = credentials.index().endpoint_of(basic.username()) {
            on_known_username(endpoint);
        }
    }
    Err(if is_ours() { Refusal::Unauthorized } else { Refusal::NotFound })
}

/// Returns the path and query of a request, as they were sent.
pub(super) fn target(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("/", |target| target.as_str())
}
