//! Composer keys: `/users/{mage_id}/keys`.

mod create;
mod delete;
mod list;
mod outcome;
mod update;

pub use create::NewKey;
pub use list::{KeyFilter, KeyPlatform};
pub use outcome::KeyOutcome;

use crate::Client;

/// Calls about Composer keys.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    client: &'a Client,
}

impl Client {
    /// Composer keys.
    pub fn keys(&self) -> Keys<'_> {
        Keys { client: self }
    }
}
