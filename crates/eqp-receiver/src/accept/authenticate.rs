//! Who is calling: decided from the head of the request alone, before its body is read and without the database.

use std::sync::Arc;

use http::request::Parts;

use super::answer::Refusal;
use super::basic::Basic;
use crate::endpoint::directory::Directory;
use crate::endpoint::path::PREFIX;
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
/// wrong ones came from its source that it has to wait its turn (`may_be_new`).
pub(super) async fn authenticate(
    directory: &Directory,
    head: &Parts,
    may_be_new: impl FnOnce() -> bool,
) -> Result<Authenticated, Refusal> {
    let path = head.uri.path();
    if let Some(basic) = Basic::read(&head.headers) {
        let find = || directory.find(path, basic.username(), basic.password()).map(Authenticated);
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
    Err(if path.starts_with(PREFIX) || directory.knows(path) { Refusal::Unauthorized } else { Refusal::NotFound })
}
