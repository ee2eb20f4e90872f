//! Where an endpoint stands: what the list says of it against what is known here. Pure.

use eqp_client::callbacks::EntryName;
use eqp_receiver::{CredentialState, CredentialSummary, EndpointSummary};
use eqp_types::ApiCallbackEntry;

/// Where an endpoint stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Registered with the credential in force.
    Registered { username: String },
    /// Not registered, and not meant to be.
    NotWanted,
    /// Registered with a credential whose coming into force was not heard of.
    Unconfirmed { username: String },
    /// Registered; a rotation was begun and did not get through.
    RotationBegun { username: String },
    /// Somebody put the entry back that was replaced.
    Restored { username: String },
    /// Registered with a user name that is refused: no callback is taken.
    Refused { username: String },
    /// Others have an entry with this URL, in the place of ours.
    Taken { username: String },
    /// Our user name is registered with another URL.
    Moved { entry: EntryName },
    /// Gone from the list.
    Vanished,
    /// Begun and never seen in the list.
    Begun,
    /// Removed here and in the list all the same.
    LeftOver { username: String },
}

impl Standing {
    /// Compares an endpoint with the list.
    pub(crate) fn of(endpoint: &EndpointSummary, list: &[ApiCallbackEntry]) -> Self {
        let has = |state| endpoint.credentials.iter().any(|one| one.state == state);
        let is_wanted = has(CredentialState::Live) || has(CredentialState::Pending);
        if let Some(found) = in_force(endpoint, list) {
            let username = found.username.clone();
            return match found.state {
                CredentialState::Pending => Self::Unconfirmed { username },
                CredentialState::Live if has(CredentialState::Pending) => Self::RotationBegun { username },
                CredentialState::Live => Self::Registered { username },
                _ if is_wanted => Self::Restored { username },
                _ => Self::LeftOver { username },
            };
        }
        let names: Vec<_> = list.iter().filter(|entry| entry.known().is_some()).map(EntryName::of).collect();
        let here = |name: &&EntryName| name.url() == endpoint.public_url;
        if let Some(former) = names.iter().filter(here).find(|name| is(name, &endpoint.former)) {
            let username = former.username().to_owned();
            return if is_wanted { Self::Refused { username } } else { Self::LeftOver { username } };
        }
        if !is_wanted {
            return Self::NotWanted;
        }
        let ours: Vec<_> = endpoint.credentials.iter().map(|one| one.username.clone()).collect();
        if let Some(moved) = names.iter().find(|name| is(name, &ours)) {
            return Self::Moved { entry: moved.clone() };
        }
        match names.iter().find(here) {
            Some(theirs) => Self::Taken { username: theirs.username().to_owned() },
            None if has(CredentialState::Live) => Self::Vanished,
            None => Self::Begun,
        }
    }

    /// There is nothing to do.
    pub(crate) fn is_right(&self) -> bool {
        matches!(self, Self::Registered { .. } | Self::NotWanted)
    }

    /// The word for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::NotWanted => "not_wanted",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::RotationBegun { .. } => "rotation_begun",
            Self::Restored { .. } => "restored",
            Self::Refused { .. } => "refused",
            Self::Taken { .. } => "taken",
            Self::Moved { .. } => "moved",
            Self::Vanished => "vanished",
            Self::Begun => "begun",
            Self::LeftOver { .. } => "left_over",
        }
    }

    /// The user name in the list at this URL.
    pub(crate) fn username(&self) -> Option<&str> {
        match self {
            Self::Registered { username }
            | Self::Unconfirmed { username }
            | Self::RotationBegun { username }
            | Self::Restored { username }
            | Self::Refused { username }
            | Self::Taken { username }
            | Self::LeftOver { username } => Some(username),
            _ => None,
        }
    }

    /// What it means, in words.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Registered { .. } => "registered".to_owned(),
            Self::NotWanted => "not registered".to_owned(),
            Self::Unconfirmed { .. } => "registered by a change that was cut off".to_owned(),
            Self::RotationBegun { .. } => "registered; a rotation was cut off".to_owned(),
            Self::Restored { .. } => "somebody put the replaced user name back".to_owned(),
            Self::Refused { .. } => "the user name is refused: every callback is lost".to_owned(),
            Self::Taken { .. } => "somebody else's user name is in its place".to_owned(),
            Self::Moved { entry } => format!("our user name is registered at {}", EntryName::new(entry.url(), "")),
            Self::Vanished => "gone: somebody overwrote the list".to_owned(),
            Self::Begun => "not registered: a change was cut off".to_owned(),
            Self::LeftOver { .. } => "removed here, and still in the list".to_owned(),
        }
    }

    /// The command that puts it right.
    pub(crate) fn repair(&self, name: &str) -> Option<String> {
        match self {
            Self::Registered { .. } | Self::NotWanted => None,
            Self::RotationBegun { .. } => Some(format!("eqp callbacks rotate --name {name}")),
            Self::LeftOver { .. } => Some(format!("eqp callbacks remove --name {name}")),
            _ => Some(format!("eqp callbacks add --name {name}")),
        }
    }
}

/// The credential of an endpoint that the list names; the newest, should a server that only adds name several.
pub(super) fn in_force<'a>(endpoint: &'a EndpointSummary, list: &[ApiCallbackEntry]) -> Option<&'a CredentialSummary> {
    let is_in_list = |credential: &&CredentialSummary| {
        let mut names = list.iter().filter(|entry| entry.known().is_some()).map(EntryName::of);
        names.any(|name| name.url() == endpoint.public_url && name.username() == credential.username)
    };
    endpoint.credentials.iter().filter(is_in_list).max_by_key(|credential| credential.id)
}

/// Every user name that the endpoint has or had.
pub(super) fn our_usernames(endpoint: &EndpointSummary) -> impl Iterator<Item = &str> {
    endpoint.credentials.iter().map(|one| one.username.as_str()).chain(endpoint.former.iter().map(String::as_str))
}

fn is(name: &EntryName, usernames: &[String]) -> bool {
    usernames.iter().any(|username| username == name.username())
}
