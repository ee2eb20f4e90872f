//! Determines the state of an endpoint's registration from the Marketplace's list and our credentials, without I/O.

use eqp_client::callbacks::EntryName;
use eqp_store::{CredentialState, CredentialSummary, EndpointSummary};
use eqp_types::ApiCallbackEntry;

/// The state of an endpoint's registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// Registered with the active credential.
    Registered {
        /// The user name in the list.
        username: String,
    },
    /// Not registered, as intended.
    NotRegistered,
    /// Registered with a new credential whose confirmation was lost.
    Unconfirmed {
        /// The user name in the list.
        username: String,
    },
    /// Registered with the old credential; a rotation was interrupted.
    RotationIncomplete {
        /// The user name in the list.
        username: String,
    },
    /// Another program restored the replaced entry.
    Restored {
        /// The user name in the list.
        username: String,
    },
    /// Registered with a user name that is rejected: every callback is lost.
    Refused {
        /// The user name in the list.
        username: String,
    },
    /// An unmanaged entry with this URL has replaced ours.
    Overwritten {
        /// The user name in the list.
        username: String,
    },
    /// Our user name is registered with another URL.
    Moved {
        /// The entry.
        entry: EntryName,
    },
    /// Missing from the list.
    Missing,
    /// Interrupted before the entry was written to the list.
    Incomplete,
    /// Removed locally, but still in the list.
    Orphaned {
        /// The user name in the list.
        username: String,
    },
}

/// The operation that repairs a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Register it again.
    Add,
    /// Finish its rotation.
    Rotate,
    /// Remove it from the list.
    Remove,
}

impl RegistrationState {
    /// Compares an endpoint with the list.
    pub fn of(endpoint: &EndpointSummary, list: &[ApiCallbackEntry]) -> Self {
        let usable: Vec<_> = endpoint.credentials.iter().map(|one| (one.username.as_str(), one.state)).collect();
        Self::at(&endpoint.public_url, &usable, &endpoint.retired_usernames, list)
    }

    /// Compares an endpoint with the list: its URL, its accepted user names, newest first, with the states of their credentials, and its
    /// retired user names.
    fn at(url: &str, accepted: &[(&str, CredentialState)], retired: &[String], list: &[ApiCallbackEntry]) -> Self {
        let has = |state| accepted.iter().any(|(_, one)| *one == state);
        let is_registered = has(CredentialState::Active) || has(CredentialState::Pending);
        if let Some((username, state)) = accepted.iter().find(|(username, _)| is_listed(url, username, list)) {
            let username = (*username).to_owned();
            return match state {
                CredentialState::Pending => Self::Unconfirmed { username },
                CredentialState::Active if has(CredentialState::Pending) => Self::RotationIncomplete { username },
                CredentialState::Active => Self::Registered { username },
                _ if is_registered => Self::Restored { username },
                _ => Self::Orphaned { username },
            };
        }
        let entry_names: Vec<_> = entry_names(list).collect();
        let here = |name: &&EntryName| name.url() == url;
        if let Some(refused) = retired.iter().find(|username| is_listed(url, username, list)) {
            let username = refused.clone();
            return if is_registered { Self::Refused { username } } else { Self::Orphaned { username } };
        }
        if !is_registered {
            return Self::NotRegistered;
        }
        if let Some(moved) = entry_names.iter().find(|name| accepted.iter().any(|(ours, _)| *ours == name.username())) {
            return Self::Moved { entry: moved.clone() };
        }
        match entry_names.iter().find(here) {
            Some(theirs) => Self::Overwritten { username: theirs.username().to_owned() },
            None if has(CredentialState::Active) => Self::Missing,
            None => Self::Incomplete,
        }
    }

    /// Returns whether there is nothing to do.
    pub fn is_consistent(&self) -> bool {
        matches!(self, Self::Registered { .. } | Self::NotRegistered)
    }

    /// Returns the name of the state, as in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::NotRegistered => "not_registered",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::RotationIncomplete { .. } => "rotation_incomplete",
            Self::Restored { .. } => "restored",
            Self::Refused { .. } => "refused",
            Self::Overwritten { .. } => "overwritten",
            Self::Moved { .. } => "moved",
            Self::Missing => "missing",
            Self::Incomplete => "incomplete",
            Self::Orphaned { .. } => "orphaned",
        }
    }

    /// Returns the user name in the list at this URL.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Registered { username }
            | Self::Unconfirmed { username }
            | Self::RotationIncomplete { username }
            | Self::Restored { username }
            | Self::Refused { username }
            | Self::Overwritten { username }
            | Self::Orphaned { username } => Some(username),
            _ => None,
        }
    }

    /// Describes the state in words.
    pub fn description(&self) -> String {
        match self {
            Self::Registered { .. } => "registered".to_owned(),
            Self::NotRegistered => "not registered".to_owned(),
            Self::Unconfirmed { .. } => "registered by an interrupted change".to_owned(),
            Self::RotationIncomplete { .. } => "registered; a rotation was interrupted".to_owned(),
            Self::Restored { .. } => "the replaced user name was restored".to_owned(),
            Self::Refused { .. } => "the user name is rejected: every callback is lost".to_owned(),
            Self::Overwritten { .. } => "overwritten with another user name".to_owned(),
            Self::Moved { entry } => format!("our user name is registered at {}", EntryName::new(entry.url(), "")),
            Self::Missing => "missing: the list was overwritten".to_owned(),
            Self::Incomplete => "not registered: a change was interrupted".to_owned(),
            Self::Orphaned { .. } => "removed locally, but still in the list".to_owned(),
        }
    }

    /// Returns the operation that repairs the registration, or `None` if there is nothing to do.
    pub fn repair(&self) -> Option<Repair> {
        match self {
            Self::Registered { .. } | Self::NotRegistered => None,
            Self::RotationIncomplete { .. } => Some(Repair::Rotate),
            Self::Orphaned { .. } => Some(Repair::Remove),
            _ => Some(Repair::Add),
        }
    }
}

/// Returns the credential of an endpoint that is in the list. A server that only adds entries may list several; the newest counts.
pub(super) fn active_credential<'a>(
    endpoint: &'a EndpointSummary,
    list: &[ApiCallbackEntry],
) -> Option<&'a CredentialSummary> {
    // Credentials are ordered from the newest to the oldest.
    endpoint.credentials.iter().find(|one| is_listed(&endpoint.public_url, &one.username, list))
}

/// Returns every user name that the endpoint has or had.
pub(super) fn known_usernames(endpoint: &EndpointSummary) -> impl Iterator<Item = &str> {
    endpoint
        .credentials
        .iter()
        .map(|one| one.username.as_str())
        .chain(endpoint.retired_usernames.iter().map(String::as_str))
}

fn is_listed(url: &str, username: &str, list: &[ApiCallbackEntry]) -> bool {
    entry_names(list).any(|name| name.url() == url && name.username() == username)
}

/// Returns the names of the readable entries.
pub(super) fn entry_names(list: &[ApiCallbackEntry]) -> impl Iterator<Item = EntryName> {
    list.iter().filter(|entry| entry.known().is_some()).map(EntryName::of)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HERE: &str = "https://eqp.example.com/callbacks/main";
    const ELSEWHERE: &str = "https://other.example.com/hook";

    type Accepted<'a> = &'a [(&'a str, CredentialState)];
    type Listed<'a> = &'a [(&'a str, &'a str)];

    /// Returns the state of an endpoint with these accepted and rejected user names, and this list.
    fn state(accepted: Accepted<'_>, listed: Listed<'_>) -> RegistrationState {
        let mut list = vec![ApiCallbackEntry::Unreadable(json!({"href": HERE}))];
        let entry = |(url, username): &(&str, &str)| json!({"name": "x", "url": url, "username": username});
        list.extend(listed.iter().map(|one| serde_json::from_value(entry(one)).unwrap()));
        RegistrationState::at(HERE, accepted, &["gone".to_owned()], &list)
    }

    #[test]
    fn each_list_means_one_thing_for_each_life_of_the_credentials() {
        use CredentialState::{Active, Pending, Retiring};
        let new = || "new".to_owned();
        let old = || "old".to_owned();
        let gone = || "gone".to_owned();
        let elsewhere = |username: &str| RegistrationState::Moved { entry: EntryName::new(ELSEWHERE, username) };
        let live: Accepted<'_> = &[("new", Active)];
        let rotated: Accepted<'_> = &[("new", Active), ("old", Retiring)];
        let incomplete: Accepted<'_> = &[("new", Pending)];
        let rotating: Accepted<'_> = &[("new", Pending), ("old", Active)];
        let removed: Accepted<'_> = &[("old", Retiring)];
        let cases: &[(Accepted<'_>, Listed<'_>, RegistrationState)] = &[
            // Never registered, or removed long ago.
            (&[], &[], RegistrationState::NotRegistered),
            (&[], &[(HERE, "ann")], RegistrationState::NotRegistered),
            (&[], &[(HERE, "gone")], RegistrationState::Orphaned { username: gone() }),
            // Registered.
            (live, &[(HERE, "new")], RegistrationState::Registered { username: new() }),
            (live, &[(HERE, "ann"), (HERE, "new")], RegistrationState::Registered { username: new() }),
            (live, &[(HERE, "gone"), (HERE, "new")], RegistrationState::Registered { username: new() }),
            (live, &[], RegistrationState::Missing),
            (live, &[(ELSEWHERE, "ann")], RegistrationState::Missing),
            (live, &[(ELSEWHERE, "gone")], RegistrationState::Missing),
            (live, &[(HERE, "ann")], RegistrationState::Overwritten { username: "ann".to_owned() }),
            (live, &[(HERE, "gone")], RegistrationState::Refused { username: gone() }),
            (live, &[(ELSEWHERE, "new")], elsewhere("new")),
            (live, &[(HERE, "ann"), (ELSEWHERE, "new")], elsewhere("new")),
            // A similar URL is another one.
            (
                live,
                &[("https://eqp.example.com/callbacks/main/", "new")],
                RegistrationState::Moved { entry: EntryName::new("https://eqp.example.com/callbacks/main/", "new") },
            ),
            // Rotated, during the grace period of the old one.
            (rotated, &[(HERE, "new")], RegistrationState::Registered { username: new() }),
            (rotated, &[(HERE, "old")], RegistrationState::Restored { username: old() }),
            // The list of a server that merges contains both.
            (rotated, &[(HERE, "old"), (HERE, "new")], RegistrationState::Registered { username: new() }),
            (rotated, &[], RegistrationState::Missing),
            (rotated, &[(ELSEWHERE, "old")], elsewhere("old")),
            // An interrupted change.
            (incomplete, &[], RegistrationState::Incomplete),
            (incomplete, &[(HERE, "new")], RegistrationState::Unconfirmed { username: new() }),
            (incomplete, &[(HERE, "ann")], RegistrationState::Overwritten { username: "ann".to_owned() }),
            (incomplete, &[(HERE, "gone")], RegistrationState::Refused { username: gone() }),
            (rotating, &[(HERE, "old")], RegistrationState::RotationIncomplete { username: old() }),
            (rotating, &[(HERE, "new")], RegistrationState::Unconfirmed { username: new() }),
            (rotating, &[(HERE, "old"), (HERE, "new")], RegistrationState::Unconfirmed { username: new() }),
            (rotating, &[], RegistrationState::Missing),
            // Removed, during its grace period.
            (removed, &[], RegistrationState::NotRegistered),
            (removed, &[(HERE, "old")], RegistrationState::Orphaned { username: old() }),
            (removed, &[(HERE, "ann")], RegistrationState::NotRegistered),
        ];
        for (accepted, listed, expected) in cases {
            assert_eq!(state(accepted, listed), *expected, "{accepted:?} {listed:?}");
        }
    }

    #[test]
    fn whatever_is_not_right_has_a_repair_and_a_word_of_its_own() {
        let username = || "key".to_owned();
        let all = [
            RegistrationState::Registered { username: username() },
            RegistrationState::NotRegistered,
            RegistrationState::Unconfirmed { username: username() },
            RegistrationState::RotationIncomplete { username: username() },
            RegistrationState::Restored { username: username() },
            RegistrationState::Refused { username: username() },
            RegistrationState::Overwritten { username: username() },
            RegistrationState::Moved { entry: EntryName::new(ELSEWHERE, "key") },
            RegistrationState::Missing,
            RegistrationState::Incomplete,
            RegistrationState::Orphaned { username: username() },
        ];
        let mut words: Vec<_> = all.iter().map(RegistrationState::as_str).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all.len());
        for state in &all {
            assert_eq!(state.repair().is_none(), state.is_consistent(), "{state:?}");
        }
    }
}
