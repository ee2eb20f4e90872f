//! The profile: `/users/{mage_id}`.

mod get;
mod put;
mod summary;

pub use put::{ProfileAction, ProfileUpdate};

use eqp_types::{MageId, UserProfile};

use crate::{Client, Error};

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

/// The profile, if it is that of the account: another one's list of callbacks must never be taken for ours.
fn of_account(asked: &MageId, profile: UserProfile) -> Result<UserProfile, Error> {
    match &profile.mage_id {
        Some(answered) if answered != asked => {
            Err(Error::OtherAccount { asked: asked.clone(), answered: answered.clone() })
        }
        _ => Ok(profile),
    }
}
