//! The profile: `/users/{mage_id}`.

mod get;
mod put;
mod summary;

pub use put::{ProfileAction, ProfileUpdate};

use crate::Client;

/// Calls about the profile of the account that the access key belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Users<'a> {
    client: &'a Client,
}

impl Client {
    /// The profile.
    pub fn users(&self) -> Users<'_> {
        Users { client: self }
    }
}
