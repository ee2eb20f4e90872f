//! Who is calling: decided from the head of the request alone, before its body is read and without the database.

use std::sync::Arc;

use http::request::Parts;

use super::answer::Refusal;
use super::basic::Basic;
use crate::endpoint::directory::Directory;
use crate::endpoint::roster::Caller;

/// Proof that a request came with a right credential.
#[derive(Debug)]
pub(super) struct Authenticated(Arc<Caller>);

impl Authenticated {
    pub(super) fn caller(&self) -> &Caller {
        &self.0
    }
}

/// A credential that is unknown may be new: then the directory is loaded once more before it is refused, unless so many
/// wrong ones came from its source that it has to wait its turn (`may_be_new`). The path is looked at only after the
/// credential was checked: it decides between endpoints that share one, and, in an embedding service, whether a refusal
/// is ours to make (`is_ours`).
pub(super) async fn authenticate(
    directory: &Directory,
    head: &Parts,
    may_be_new: impl FnOnce() -> bool,
    is_ours: impl FnOnce() -> bool,
) -> Result<Authenticated, Refusal> {
    if let Some(basic) = Basic::read(&head.headers) {
        let find = || directory.find(target(head), basic.username(), basic.password()).map(Authenticated);
        if let Some(authenticated) = find() {
            return Ok(authenticated);
        }
        if may_be_new() {
            directory.refreshed().await;
            if let Some(authenticated) = find() {
                return Ok(authenticated);
            }
        }
    }
    Err(if is_ours() { Refusal::Unauthorized } else { Refusal::NotFound })
}

/// Path and query, as they arrived.
pub(super) fn target(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("/", |target| target.as_str())
}
