//! The passwords that a list is written with: those issued here, which the database keeps sealed, and supplied ones.

use eqp_client::callbacks::{EntryName, Held, PasswordStore, StoreError};
use eqp_receiver::{Endpoints, Issued};
use eqp_types::Secret;

use super::EntryMatch;

pub(super) struct Passwords<'a> {
    /// None while there is no database.
    pub(super) endpoints: Option<&'a Endpoints>,
    pub(super) supplied: &'a [(EntryMatch, Secret)],
    /// Somebody's entry that is ours from now on.
    pub(super) taken_over: Option<&'a EntryName>,
}

impl PasswordStore for Passwords<'_> {
    async fn held(&self, url: &str, username: &str) -> Result<Held, StoreError> {
        let supplied = || self.supplied.iter().find(|(entry, _)| entry.fits(url, username));
        let supplied = || supplied().map(|(_, password)| password.clone());
        let issued = match self.endpoints {
            Some(endpoints) => endpoints.issued(url, username).await?,
            None => Issued::No,
        };
        Ok(match issued {
            Issued::Known(password) => Held { password: Some(password), is_ours: true },
            Issued::No => {
                let is_ours = self.taken_over.is_some_and(|name| name.url() == url && name.username() == username);
                Held { password: supplied(), is_ours }
            }
            _ => Held { password: supplied(), is_ours: true },
        })
    }
}
