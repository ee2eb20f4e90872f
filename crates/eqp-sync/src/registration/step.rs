//! The steps of a plan.

use std::fmt;
use std::time::Duration;

use eqp_client::callbacks::{Change, EntryName, Plan as ListPlan};
use eqp_store::PublicUrl;
use eqp_types::Secret;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

/// One step of a plan. Its serialized form has no password.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// An endpoint is created in the database.
    CreateEndpoint {
        /// Its name.
        endpoint: String,
        /// The URL that the Marketplace calls.
        #[serde(serialize_with = "text")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        url: PublicUrl,
        /// The path at which the receiver answers.
        path: String,
    },
    /// A credential is stored, and accepted by every receiver from then on.
    StoreCredential {
        /// The endpoint's name.
        endpoint: String,
        /// The user name.
        username: String,
        /// The password.
        #[serde(skip)]
        password: Secret,
    },
    /// An existing entry is adopted without a change of the list. This step waits until every receiver accepts its
    /// credential.
    Accept {
        /// The endpoint's name.
        endpoint: String,
        /// The entry.
        #[serde(serialize_with = "text")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        entry: EntryName,
    },
    /// The Marketplace's list is written after every receiver has accepted its credentials, and is then read back.
    WriteList {
        /// The list.
        #[serde(rename = "changes", serialize_with = "changes")]
        #[cfg_attr(feature = "schema", schemars(with = "Vec<ListedChange>"))]
        list: ListPlan,
    },
    /// A credential that was just registered becomes the active one.
    Activate {
        /// The endpoint's name.
        endpoint: String,
        /// The user name.
        username: String,
        /// The time for which the previous credential is accepted after the first callback with this one.
        #[serde(rename = "grace_seconds", serialize_with = "seconds")]
        #[cfg_attr(feature = "schema", schemars(with = "u64"))]
        grace: Duration,
    },
    /// A credential that is already in the list becomes the active one, because the response to its registration was
    /// lost.
    Confirm {
        /// The endpoint's name.
        endpoint: String,
        /// The user name.
        username: String,
        /// The time for which the previous credential is accepted after the first callback with this one.
        #[serde(rename = "grace_seconds", serialize_with = "seconds")]
        #[cfg_attr(feature = "schema", schemars(with = "u64"))]
        grace: Duration,
    },
    /// Credentials are rejected after a grace period.
    RetireAfter {
        /// The endpoint's name.
        endpoint: String,
        /// The user names.
        usernames: Vec<String>,
        /// The time for which they are still accepted.
        #[serde(rename = "grace_seconds", serialize_with = "seconds")]
        #[cfg_attr(feature = "schema", schemars(with = "u64"))]
        grace: Duration,
    },
    /// Credentials are rejected at once. This step waits until every receiver rejects them.
    Refuse {
        /// The endpoint's name.
        endpoint: String,
        /// The user names.
        usernames: Vec<String>,
    },
}

impl Step {
    /// Describes the step in one line, or in one line for each entry of a list that is written. Names in the list are
    /// external text and may contain any character; [`Display`](fmt::Display) escapes control characters.
    pub fn lines(&self) -> Vec<String> {
        vec![match self {
            Self::WriteList { list } => return list.changes().iter().map(in_words).collect(),
            Self::CreateEndpoint { endpoint, url, path } => {
                format!("{endpoint}: create the endpoint for {} at {path}", url.as_str())
            }
            Self::StoreCredential { endpoint, username, .. } => {
                format!("{endpoint}: store a credential with user name {username}")
            }
            Self::Accept { endpoint, entry } => format!("{endpoint}: accept {entry}; the list is not changed"),
            Self::Activate { endpoint, username, .. } => format!("{endpoint}: activate user name {username}"),
            Self::Confirm { endpoint, username, .. } => {
                format!("{endpoint}: user name {username} is registered, and becomes the active one")
            }
            Self::RetireAfter { endpoint, usernames, grace } => {
                format!("{endpoint}: reject {} after {} s", usernames.join(", "), grace.as_secs())
            }
            Self::Refuse { endpoint, usernames } => format!("{endpoint}: reject {} immediately", usernames.join(", ")),
        }]
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines().iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "\n" })?;
            // A line end in external text must not look like another step.
            f.write_str(&escaped(line))?;
        }
        Ok(())
    }
}

fn in_words(change: &Change) -> String {
    match change {
        Change::Kept(entry) => format!("keep {entry}"),
        Change::KeptWithoutPassword(entry) => format!("keep {entry}, which may lose its password"),
        Change::Added(entry) => format!("add {entry}"),
        Change::Replaced(entry, old) if entry.url() == old.url() => {
            format!("replace {old} with user `{}`", entry.username())
        }
        Change::Replaced(entry, old) => format!("replace {old} with {entry}"),
        Change::Removed(entry) => format!("remove {entry}"),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            escaped.extend(letter.escape_default());
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

fn text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

/// A change of the list, as it is serialized.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ListedChange {
    /// `keep`, `keep_without_password`, `add`, `replace` or `remove`.
    change: &'static str,
    /// The entry.
    entry: String,
    /// The entry that it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
}

fn changes<S: Serializer>(list: &ListPlan, serializer: S) -> Result<S::Ok, S::Error> {
    let mut entries = serializer.serialize_seq(Some(list.changes().len()))?;
    for change in list.changes() {
        let (change, entry, replaces) = match change {
            Change::Kept(entry) => ("keep", entry, None),
            Change::KeptWithoutPassword(entry) => ("keep_without_password", entry, None),
            Change::Added(entry) => ("add", entry, None),
            Change::Replaced(entry, old) => ("replace", entry, Some(old.to_string())),
            Change::Removed(entry) => ("remove", entry, None),
        };
        entries.serialize_element(&ListedChange { change, entry: entry.to_string(), replaces })?;
    }
    entries.end()
}
