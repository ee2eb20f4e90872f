//! A list of callbacks as it is to be, with the passwords that it is sent with. No I/O.

use std::fmt;

use eqp_types::{ApiCallback, ApiCallbackEntry, Secret};
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::{Allowance, EntryName, Holdings, PasswordStore, Wish, merge};
use crate::Error;

/// What a plan does with one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It stays, with its password.
    Kept(EntryName),
    /// It is sent without a password, as allowed.
    KeptWithoutPassword(EntryName),
    /// It is new.
    Added(EntryName),
    /// The first takes the place of the second.
    Replaced(EntryName, EntryName),
    /// It goes.
    Removed(EntryName),
}

/// A list that can be written, made from one that was read.
#[derive(Clone)]
pub struct Plan {
    pub(super) made_from: Vec<ApiCallbackEntry>,
    pub(super) entries: Vec<PlannedEntry>,
    pub(super) changes: Vec<Change>,
}

impl Plan {
    /// Plans what `wish` makes of a list that was read.
    ///
    /// # Errors
    /// A refusal, if an entry would lose its password; a store that fails.
    pub async fn make(
        list: &[ApiCallbackEntry],
        wish: &Wish,
        store: &impl PasswordStore,
        allowance: &Allowance,
    ) -> Result<Self, Error> {
        let holdings = Holdings::of(list, store).await.map_err(Error::PasswordStore)?;
        Ok(merge(list, wish, &holdings, allowance)?)
    }

    /// What is done with each entry, in the order of the list.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// It leaves the list as it is, so that there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| matches!(change, Change::Kept(_)))
    }

    /// The passwords that are sent.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let passwords = self.entries.iter().filter_map(|entry| match entry {
            PlannedEntry::Known { password, .. } => password.clone(),
            PlannedEntry::Unreadable(_) => None,
        });
        passwords.collect()
    }

    /// It puts a registration into the list, and does not only take one out.
    pub(super) fn registers(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Added(_) | Change::Replaced(..)))
    }

    /// Entries that should be gone afterwards.
    pub(super) fn gone(&self) -> Vec<EntryName> {
        let gone = self.changes.iter().filter_map(|change| match change {
            Change::Replaced(_, old) | Change::Removed(old) => Some(old.clone()),
            _ => None,
        });
        gone.filter(|old| self.entries.iter().all(|entry| entry.name() != *old)).collect()
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("changes", &self.changes).finish_non_exhaustive()
    }
}

/// An entry as it is sent. The password shows itself to the serializer of the request only.
#[derive(Clone)]
pub(super) enum PlannedEntry {
    Known { entry: ApiCallback, password: Option<Secret> },
    Unreadable(Value),
}

impl PlannedEntry {
    pub(super) fn name(&self) -> EntryName {
        match self {
            Self::Known { entry, .. } => EntryName::new(&*entry.url, entry.username.as_deref().unwrap_or_default()),
            Self::Unreadable(value) => EntryName::new(value.to_string(), ""),
        }
    }
}

/// The body of the request that writes the list. It has no `Debug`, and nothing but the request takes it.
pub(super) struct ListBody<'a>(pub(super) &'a [PlannedEntry]);

impl serde::Serialize for ListBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(Some(1))?;
        body.serialize_entry("api_callbacks", &Entries(self.0))?;
        body.end()
    }
}

struct Entries<'a>(&'a [PlannedEntry]);

impl serde::Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Sent))
    }
}

struct Sent<'a>(&'a PlannedEntry);

impl serde::Serialize for Sent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (entry, password) = match self.0 {
            PlannedEntry::Unreadable(value) => return value.serialize(serializer),
            PlannedEntry::Known { entry, password } => (entry, password),
        };
        let mut fields = serializer.serialize_map(None)?;
        if let Some(name) = &entry.name {
            fields.serialize_entry("name", name)?;
        }
        fields.serialize_entry("url", &entry.url)?;
        if let Some(username) = &entry.username {
            fields.serialize_entry("username", username)?;
        }
        if let Some(password) = password {
            fields.serialize_entry("password", password.expose())?;
        }
        for (name, value) in &entry.extra {
            fields.serialize_entry(name, value)?;
        }
        fields.end()
    }
}
