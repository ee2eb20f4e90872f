//! The list read, a wish, and the passwords held make a plan, or a refusal. No I/O.
//!
//! Whatever the list holds and the wish does not name stays, at its place. An entry is ours by its exact URL and a
//! user name that we issued.

use std::collections::BTreeSet;
use std::fmt;

use eqp_types::{ApiCallback, ApiCallbackEntry, Extra, Secret};
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::{EntryName, Holdings, Registration};

/// What is to become of the list.
#[derive(Clone, Debug)]
pub enum Wish {
    /// This registration is there, in the place of ours with the same URL, if there is one.
    Register(Registration),
    /// No entry has this URL and user name.
    Remove(EntryName),
}

/// Which entries may be sent without a password. What the Marketplace does with such an entry is not documented: it
/// may keep the password, or lose it and with it every callback to that URL.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    named: BTreeSet<EntryName>,
    all: bool,
}

impl Allowance {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whatever there is, also entries that cannot be read.
    pub fn all() -> Self {
        Self { named: BTreeSet::new(), all: true }
    }

    /// This one too.
    #[must_use]
    pub fn and(mut self, entry: EntryName) -> Self {
        self.named.insert(entry);
        self
    }

    fn covers(&self, entry: &EntryName) -> bool {
        self.all || self.named.contains(entry)
    }
}

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

/// An entry that keeps the list from being rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEntry {
    /// The entry.
    pub entry: EntryName,
    /// Its label, if it has one.
    pub label: Option<String>,
    /// It can be read, so its password can be supplied. Else it can only be allowed to lose it.
    pub is_readable: bool,
}

/// Why the list is not rewritten. Says the ways on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// The entries whose passwords are not known.
    pub entries: Vec<RefusedEntry>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the list of callbacks can only be written as a whole, and these entries would lose their password, ",
        )?;
        f.write_str("because it is not known here: ")?;
        for (at, refused) in self.entries.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            if let Some(label) = &refused.label {
                write!(f, "\"{label}\" ")?;
            }
            write!(f, "{}", refused.entry)?;
        }
        f.write_str("; supply their passwords, or say that they may lose them; nothing was changed")
    }
}

/// A list that can be written, made from one that was read.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) made_from: Vec<ApiCallbackEntry>,
    pub(super) entries: Vec<PlannedEntry>,
    changes: Vec<Change>,
}

impl Plan {
    /// What is done with each entry, in the order of the list.
    pub fn changes(&self) -> &[Change] {
        &self.changes
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

/// An entry as it is sent. The password shows itself to the serializer of the request only.
#[derive(Clone, Debug)]
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

/// Makes the plan that turns `list` into what is wished for.
///
/// # Errors
/// Names every entry whose password is not held and whose loss is not allowed.
pub fn merge(
    list: &[ApiCallbackEntry],
    wish: &Wish,
    holdings: &Holdings,
    allowance: &Allowance,
) -> Result<Plan, Refusal> {
    let mut plan = Plan { made_from: list.to_vec(), entries: Vec::new(), changes: Vec::new() };
    let mut refused = Vec::new();
    let mut to_place = match wish {
        Wish::Register(registration) => Some(registration),
        Wish::Remove(_) => None,
    };
    for entry in list {
        let name = EntryName::of(entry);
        if is_meant(entry, &name, wish, holdings) {
            match to_place.take() {
                Some(registration) => {
                    plan.entries.push(placed(registration, entry.known()));
                    plan.changes.push(Change::Replaced(registration.name.clone(), name));
                }
                None => plan.changes.push(Change::Removed(name)),
            }
            continue;
        }
        let password = holdings.get(&name).password.filter(|_| entry.known().is_some());
        if password.is_none() && !allowance.covers(&name) {
            let label = entry.known().and_then(|known| known.name.clone());
            refused.push(RefusedEntry { entry: name, label, is_readable: entry.known().is_some() });
            continue;
        }
        plan.changes.push(match password {
            Some(_) => Change::Kept(name),
            None => Change::KeptWithoutPassword(name),
        });
        plan.entries.push(kept(entry, password));
    }
    if let Some(registration) = to_place {
        plan.entries.push(placed(registration, None));
        plan.changes.push(Change::Added(registration.name.clone()));
    }
    if refused.is_empty() { Ok(plan) } else { Err(Refusal { entries: refused }) }
}

/// Whether the wish speaks of this entry: the very one it names, or one of ours with its URL.
fn is_meant(entry: &ApiCallbackEntry, name: &EntryName, wish: &Wish, holdings: &Holdings) -> bool {
    if entry.known().is_none() {
        return false;
    }
    match wish {
        Wish::Remove(removed) => name == removed,
        Wish::Register(registration) => {
            *name == registration.name || (name.url() == registration.url() && holdings.get(name).is_issued)
        }
    }
}

fn placed(registration: &Registration, old: Option<&ApiCallback>) -> PlannedEntry {
    let entry = ApiCallback {
        name: registration.label.clone().or_else(|| old.and_then(|old| old.name.clone())),
        url: registration.url().to_owned(),
        username: Some(registration.username().to_owned()),
        extra: old.map(without_password).unwrap_or_default(),
    };
    PlannedEntry::Known { entry, password: Some(registration.password.clone()) }
}

fn kept(entry: &ApiCallbackEntry, password: Option<Secret>) -> PlannedEntry {
    match entry {
        ApiCallbackEntry::Known(known) => {
            PlannedEntry::Known { entry: ApiCallback { extra: without_password(known), ..known.clone() }, password }
        }
        ApiCallbackEntry::Unreadable(value) => PlannedEntry::Unreadable(value.clone()),
    }
}

/// A password that was read is none: at best it is a row of stars, which would be set if it were sent back.
fn without_password(entry: &ApiCallback) -> Extra {
    let mut extra = entry.extra.clone();
    extra.remove("password");
    extra
}
