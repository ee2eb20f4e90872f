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
        let usable: Vec<_> = endpoint.credentials.iter().map(|one| (one.username.as_str(), one.state)).collect();
        Self::at(&endpoint.public_url, &usable, &endpoint.former, list)
    }

    /// The same, of what it depends on: the endpoint's URL, the user names that are taken there, newest first, with the
    /// states of their credentials, and those that are refused by now.
    fn at(url: &str, taken: &[(&str, CredentialState)], former: &[String], list: &[ApiCallbackEntry]) -> Self {
        let has = |state| taken.iter().any(|(_, one)| *one == state);
        let is_wanted = has(CredentialState::Live) || has(CredentialState::Pending);
        if let Some((username, state)) = taken.iter().find(|(username, _)| is_listed(url, username, list)) {
            let username = (*username).to_owned();
            return match state {
                CredentialState::Pending => Self::Unconfirmed { username },
                CredentialState::Live if has(CredentialState::Pending) => Self::RotationBegun { username },
                CredentialState::Live => Self::Registered { username },
                _ if is_wanted => Self::Restored { username },
                _ => Self::LeftOver { username },
            };
        }
        let names: Vec<_> = names(list).collect();
        let here = |name: &&EntryName| name.url() == url;
        if let Some(refused) = former.iter().find(|username| is_listed(url, username, list)) {
            let username = refused.clone();
            return if is_wanted { Self::Refused { username } } else { Self::LeftOver { username } };
        }
        if !is_wanted {
            return Self::NotWanted;
        }
        if let Some(moved) = names.iter().find(|name| taken.iter().any(|(ours, _)| *ours == name.username())) {
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
    // They come newest first.
    endpoint.credentials.iter().find(|one| is_listed(&endpoint.public_url, &one.username, list))
}

/// Every user name that the endpoint has or had.
pub(super) fn our_usernames(endpoint: &EndpointSummary) -> impl Iterator<Item = &str> {
    endpoint.credentials.iter().map(|one| one.username.as_str()).chain(endpoint.former.iter().map(String::as_str))
}

fn is_listed(url: &str, username: &str, list: &[ApiCallbackEntry]) -> bool {
    names(list).any(|name| name.url() == url && name.username() == username)
}

/// The entries that can be read.
fn names(list: &[ApiCallbackEntry]) -> impl Iterator<Item = EntryName> {
    list.iter().filter(|entry| entry.known().is_some()).map(EntryName::of)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HERE: &str = "https://eqp.example.com/callbacks/main";
    const ELSEWHERE: &str = "https://other.example.com/hook";

    type Taken<'a> = &'a [(&'a str, CredentialState)];
    type Listed<'a> = &'a [(&'a str, &'a str)];

    /// Where an endpoint stands that takes these user names, has refused `gone` since, and is listed so.
    fn standing(taken: Taken<'_>, listed: Listed<'_>) -> Standing {
        let mut list = vec![ApiCallbackEntry::Unreadable(json!({"href": HERE}))];
        let entry = |(url, username): &(&str, &str)| json!({"name": "x", "url": url, "username": username});
        list.extend(listed.iter().map(|one| serde_json::from_value(entry(one)).unwrap()));
        Standing::at(HERE, taken, &["gone".to_owned()], &list)
    }

    #[test]
    fn each_list_means_one_thing_for_each_life_of_the_credentials() {
        use CredentialState::{Live, Pending, Retiring};
        let new = || "new".to_owned();
        let old = || "old".to_owned();
        let gone = || "gone".to_owned();
        let elsewhere = |username: &str| Standing::Moved { entry: EntryName::new(ELSEWHERE, username) };
        let live: Taken<'_> = &[("new", Live)];
        let rotated: Taken<'_> = &[("new", Live), ("old", Retiring)];
        let begun: Taken<'_> = &[("new", Pending)];
        let rotating: Taken<'_> = &[("new", Pending), ("old", Live)];
        let removed: Taken<'_> = &[("old", Retiring)];
        let cases: &[(Taken<'_>, Listed<'_>, Standing)] = &[
            // Never registered, or removed long ago.
            (&[], &[], Standing::NotWanted),
            (&[], &[(HERE, "ann")], Standing::NotWanted),
            (&[], &[(HERE, "gone")], Standing::LeftOver { username: gone() }),
            // Registered.
            (live, &[(HERE, "new")], Standing::Registered { username: new() }),
            (live, &[(HERE, "ann"), (HERE, "new")], Standing::Registered { username: new() }),
            (live, &[(HERE, "gone"), (HERE, "new")], Standing::Registered { username: new() }),
            (live, &[], Standing::Vanished),
            (live, &[(ELSEWHERE, "ann")], Standing::Vanished),
            (live, &[(ELSEWHERE, "gone")], Standing::Vanished),
            (live, &[(HERE, "ann")], Standing::Taken { username: "ann".to_owned() }),
            (live, &[(HERE, "gone")], Standing::Refused { username: gone() }),
            (live, &[(ELSEWHERE, "new")], elsewhere("new")),
            (live, &[(HERE, "ann"), (ELSEWHERE, "new")], elsewhere("new")),
            // An URL that is only alike is another.
            (
                live,
                &[("https://eqp.example.com/callbacks/main/", "new")],
                Standing::Moved { entry: EntryName::new("https://eqp.example.com/callbacks/main/", "new") },
            ),
            // Rotated, in the grace of the old one.
            (rotated, &[(HERE, "new")], Standing::Registered { username: new() }),
            (rotated, &[(HERE, "old")], Standing::Restored { username: old() }),
            // A server that only adds to its list names both.
            (rotated, &[(HERE, "old"), (HERE, "new")], Standing::Registered { username: new() }),
            (rotated, &[], Standing::Vanished),
            (rotated, &[(ELSEWHERE, "old")], elsewhere("old")),
            // A change that was cut off.
            (begun, &[], Standing::Begun),
            (begun, &[(HERE, "new")], Standing::Unconfirmed { username: new() }),
            (begun, &[(HERE, "ann")], Standing::Taken { username: "ann".to_owned() }),
            (begun, &[(HERE, "gone")], Standing::Refused { username: gone() }),
            (rotating, &[(HERE, "old")], Standing::RotationBegun { username: old() }),
            (rotating, &[(HERE, "new")], Standing::Unconfirmed { username: new() }),
            (rotating, &[(HERE, "old"), (HERE, "new")], Standing::Unconfirmed { username: new() }),
            (rotating, &[], Standing::Vanished),
            // Removed, in its grace.
            (removed, &[], Standing::NotWanted),
            (removed, &[(HERE, "old")], Standing::LeftOver { username: old() }),
            (removed, &[(HERE, "ann")], Standing::NotWanted),
        ];
        for (taken, listed, expected) in cases {
            assert_eq!(standing(taken, listed), *expected, "{taken:?} {listed:?}");
        }
    }

    #[test]
    fn whatever_is_not_right_has_a_repair_and_a_word_of_its_own() {
        let username = || "key".to_owned();
        let all = [
            Standing::Registered { username: username() },
            Standing::NotWanted,
            Standing::Unconfirmed { username: username() },
            Standing::RotationBegun { username: username() },
            Standing::Restored { username: username() },
            Standing::Refused { username: username() },
            Standing::Taken { username: username() },
            Standing::Moved { entry: EntryName::new(ELSEWHERE, "key") },
            Standing::Vanished,
            Standing::Begun,
            Standing::LeftOver { username: username() },
        ];
        let mut words: Vec<_> = all.iter().map(Standing::word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all.len());
        for standing in &all {
            let repair = standing.repair("main");
            assert_eq!(repair.is_none(), standing.is_right(), "{standing:?}");
            assert!(repair.is_none_or(|repair| repair.ends_with(" --name main")), "{standing:?}");
        }
    }
}
