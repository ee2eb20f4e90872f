//! The planned list of callbacks, and the request body that contains it and its passwords. No I/O.

use std::fmt;

use eqp_types::{ApiCallback, ApiCallbackEntry, Secret};
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::EntryName;

/// The action of a [`Plan`] on one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The entry stays, with its password.
    Kept(EntryName),
    /// The entry is sent without a password, as allowed.
    KeptWithoutPassword(EntryName),
    /// The entry is added.
    Added(EntryName),
    /// The first entry replaces the second.
    Replaced(EntryName, EntryName),
    /// The entry is removed.
    Removed(EntryName),
}

/// A planned change of the list of callbacks. Created by [`merge`](super::merge) and
/// [`Callbacks::plan`](crate::callbacks::Callbacks::plan), carried out by [`Callbacks::apply`](crate::callbacks::Callbacks::apply).
#[derive(Clone)]
pub struct Plan {
    pub(crate) made_from: Vec<ApiCallbackEntry>,
    pub(crate) entries: Vec<PlannedEntry>,
    pub(crate) changes: Vec<Change>,
}

impl Plan {
    /// Returns what is done with each entry, in the order of the list.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns whether the plan changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| matches!(change, Change::Kept(_)))
    }

    /// Returns the passwords that are sent.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let passwords = self.entries.iter().filter_map(|entry| match entry {
            PlannedEntry::Known { password, .. } => password.clone(),
            PlannedEntry::Unreadable(_) => None,
        });
        passwords.collect()
    }

    /// Returns whether the plan adds or replaces an entry.
    pub(crate) fn registers(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Added(_) | Change::Replaced(..)))
    }

    /// Returns the entries that should not exist afterwards.
    pub(crate) fn removed(&self) -> Vec<EntryName> {
        let removed = self.changes.iter().filter_map(|change| match change {
            Change::Replaced(_, old) | Change::Removed(old) => Some(old.clone()),
            _ => None,
        });
        removed.filter(|old| self.entries.iter().all(|entry| entry.name() != *old)).collect()
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("changes", &self.changes).finish_non_exhaustive()
    }
}

/// An entry to send. The password is only accessible when the request is serialized.
#[derive(Clone)]
pub(crate) enum PlannedEntry {
    Known { entry: ApiCallback, password: Option<Secret> },
    Unreadable(Value),
}

impl PlannedEntry {
    pub(crate) fn name(&self) -> EntryName {
        match self {
            Self::Known { entry, .. } => EntryName::new(&*entry.url, entry.username.as_deref().unwrap_or_default()),
            Self::Unreadable(value) => EntryName::new(value.to_string(), ""),
        }
    }
}

/// The body of the request that writes the list. It contains passwords, so it does not implement `Debug`.
pub(crate) struct ListBody<'a>(pub(crate) &'a [PlannedEntry]);

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
