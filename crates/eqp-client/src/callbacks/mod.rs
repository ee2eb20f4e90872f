//! Registered callbacks: the field `api_callbacks` of the profile.
//!
//! The API has no call that adds one callback. The field is one list; writing it is taken to replace all of it;
//! reading it shows no password; and there is nothing by which two writers would notice each other. So a change is
//! read, merged ([`merge`], pure), read again and compared, written, and read a last time to see that everybody's
//! entry is still there. A list with an entry whose password nobody here holds is not rewritten unless its loss is
//! allowed in so many words.

mod apply;
mod change;
mod entry;
mod list;
mod merge;
#[cfg(test)]
mod model;
mod password_store;
mod plan;
mod registration;

pub use apply::Applied;
pub use entry::EntryName;
pub use merge::{Allowance, Refusal, RefusedEntry, Wish, merge};
pub use password_store::{Held, Holdings, NoPasswords, PasswordStore, StoreError};
pub use plan::{Change, Plan};
pub use registration::{Registration, RegistrationError};

use crate::Client;

/// Calls about the registered callbacks.
#[derive(Clone, Copy, Debug)]
pub struct Callbacks<'a> {
    client: &'a Client,
}

impl Client {
    /// The registered callbacks.
    pub fn callbacks(&self) -> Callbacks<'_> {
        Callbacks { client: self }
    }
}
