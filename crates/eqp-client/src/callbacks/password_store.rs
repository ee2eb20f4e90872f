//! What is known about passwords of registered callbacks, which the API never shows.

use std::collections::BTreeMap;
use std::future::Future;

use eqp_types::{ApiCallbackEntry, Secret};

use super::EntryName;

/// Any failure of a store.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// What is known about an entry of the list.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The password, if it is known: issued here, or supplied by whoever registered the entry.
    pub password: Option<Secret>,
    /// The entry is ours: its user name was issued here, or it is to be taken over. A new registration of its URL takes
    /// its place.
    pub is_ours: bool,
}

/// Where passwords of registered callbacks are kept.
pub trait PasswordStore: Sync {
    /// What is known about the entry with this URL and user name; the default of [`Held`] if nothing is.
    fn held(&self, url: &str, username: &str) -> impl Future<Output = Result<Held, StoreError>> + Send;
}

impl<S: PasswordStore> PasswordStore for &S {
    fn held(&self, url: &str, username: &str) -> impl Future<Output = Result<Held, StoreError>> + Send {
        (**self).held(url, username)
    }
}

/// A store that knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPasswords;

impl PasswordStore for NoPasswords {
    async fn held(&self, _url: &str, _username: &str) -> Result<Held, StoreError> {
        Ok(Held::default())
    }
}

/// What is known about the entries of one list; also a store in memory.
#[derive(Clone, Debug, Default)]
pub struct Holdings(BTreeMap<EntryName, Held>);

impl Holdings {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a password that was issued here.
    #[must_use]
    pub fn issued(mut self, url: &str, username: &str, password: Secret) -> Self {
        self.0.insert(EntryName::new(url, username), Held { password: Some(password), is_ours: true });
        self
    }

    /// Adds a password of somebody else's entry.
    #[must_use]
    pub fn supplied(mut self, url: &str, username: &str, password: Secret) -> Self {
        self.0.insert(EntryName::new(url, username), Held { password: Some(password), is_ours: false });
        self
    }

    /// What `store` knows about the entries of `list`.
    pub(super) async fn of(list: &[ApiCallbackEntry], store: &impl PasswordStore) -> Result<Self, StoreError> {
        let mut holdings = Self::new();
        for entry in list.iter().filter(|entry| entry.known().is_some()) {
            let name = EntryName::of(entry);
            let held = store.held(name.url(), name.username()).await?;
            holdings.0.insert(name, held);
        }
        Ok(holdings)
    }

    /// What is known about the entry with this name.
    pub(super) fn get(&self, name: &EntryName) -> Held {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

impl PasswordStore for Holdings {
    async fn held(&self, url: &str, username: &str) -> Result<Held, StoreError> {
        Ok(self.get(&EntryName::new(url, username)))
    }
}
