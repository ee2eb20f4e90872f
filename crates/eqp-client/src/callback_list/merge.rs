//! Merges a list of callbacks with the desired state. The result is a plan, or an error if passwords would be lost. No I/O.
//!
//! Entries that the desired state does not refer to stay at their position. An entry is managed if it has exactly our URL and a
//! user name that we generated; all others are unmanaged.

use std::collections::BTreeSet;
use std::fmt;

use eqp_types::{ApiCallback, ApiCallbackEntry, Extra, Secret};

use super::plan::PlannedEntry;
use super::{Change, EntryName, KnownEntry, KnownPasswords, Plan, Registration};

/// The desired state of the list.
#[derive(Clone, Debug)]
pub enum DesiredState {
    /// The list contains this registration, which replaces a managed entry with the same URL.
    Register(Registration),
    /// The list contains no entry with this URL and user name.
    Remove(EntryName),
}

/// Selects the entries that may be sent without a password.
///
/// It is not documented what the Marketplace does with such an entry: it may keep the stored password, or delete it, and then
/// callbacks to that URL can no longer be authenticated.
///
/// ```
/// use eqp_client::callbacks::{AllowedLosses, EntryName};
///
/// let losses = AllowedLosses::none().allow(EntryName::new("https://old.example/callback", "someone"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct AllowedLosses {
    entries: BTreeSet<EntryName>,
    all: bool,
}

impl AllowedLosses {
    /// Allows no entry to lose its password.
    pub fn none() -> Self {
        Self::default()
    }

    /// Allows every entry to lose its password, unreadable entries included.
    pub fn all() -> Self {
        Self { entries: BTreeSet::new(), all: true }
    }

    /// Allows one more entry to lose its password.
    #[must_use]
    pub fn allow(mut self, entry: EntryName) -> Self {
        self.entries.insert(entry);
        self
    }

    fn covers(&self, entry: &EntryName) -> bool {
        self.all || self.entries.contains(entry)
    }
}

/// An entry whose password is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownPassword {
    /// The entry.
    pub entry: EntryName,
    /// Its label, if it has one.
    pub label: Option<String>,
    /// Whether the entry is managed, and its password is no longer known.
    pub is_managed: bool,
    /// Whether the entry is as documented, so that its password can be supplied. Otherwise the loss can only be allowed.
    pub is_readable: bool,
}

/// The error that rewriting the list would remove passwords of entries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct UnknownPasswords {
    /// The entries whose passwords are not known.
    pub entries: Vec<UnknownPassword>,
}

impl fmt::Display for UnknownPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the list of callbacks can only be written as a whole, and the passwords of these entries are not known: ",
        )?;
        for (at, unknown) in self.entries.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            if let Some(label) = &unknown.label {
                write!(f, "\"{label}\" ")?;
            }
            write!(f, "{}", unknown.entry)?;
        }
        f.write_str("; nothing was changed. Supply the passwords, or allow the entries to lose them")
    }
}

/// Plans how `list` reaches the desired state.
///
/// # Errors
/// [`UnknownPasswords`] with every entry whose password is not known and may not be lost.
///
/// ```
/// use eqp_client::callbacks::{AllowedLosses, DesiredState, KnownPasswords, Registration, merge};
/// use eqp_client::types::Secret;
///
/// let registration = Registration::new("https://eqp.example.com/callbacks/main", "eqp-1", Secret::new("secret"))?.label("main");
/// let plan = merge(&[], &DesiredState::Register(registration), &KnownPasswords::new(), &AllowedLosses::none())?;
/// assert_eq!(plan.changes().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge(
    list: &[ApiCallbackEntry],
    desired: &DesiredState,
    known_passwords: &KnownPasswords,
    allowed_losses: &AllowedLosses,
) -> Result<Plan, UnknownPasswords> {
    if let DesiredState::Remove(removed) = desired
        && list.iter().all(|entry| entry.known().is_none() || EntryName::of(entry) != *removed)
    {
        // Nothing is written, so no password can be lost.
        let changes = list.iter().map(|entry| Change::Kept(EntryName::of(entry))).collect();
        return Ok(Plan { made_from: list.to_vec(), entries: Vec::new(), changes });
    }
    let mut plan = Plan { made_from: list.to_vec(), entries: Vec::new(), changes: Vec::new() };
    let mut unknown = Vec::new();
    let mut to_add = match desired {
        DesiredState::Register(registration) => Some(registration),
        DesiredState::Remove(_) => None,
    };
    for entry in list {
        let name = EntryName::of(entry);
        if is_target(entry, &name, desired, known_passwords) {
            match to_add.take() {
                Some(registration) => {
                    plan.entries.push(registered(registration, entry.known()));
                    plan.changes.push(Change::Replaced(registration.name.clone(), name));
                }
                None => plan.changes.push(Change::Removed(name)),
            }
            continue;
        }
        let KnownEntry { password, is_managed } = known_passwords.get(&name);
        let password = password.filter(|_| entry.known().is_some());
        if password.is_none() && !allowed_losses.covers(&name) {
            let label = entry.known().and_then(|known| known.name.clone());
            unknown.push(UnknownPassword { entry: name, label, is_managed, is_readable: entry.known().is_some() });
            continue;
        }
        plan.changes.push(match password {
            Some(_) => Change::Kept(name),
            None => Change::KeptWithoutPassword(name),
        });
        plan.entries.push(kept(entry, password));
    }
    if let Some(registration) = to_add {
        plan.entries.push(registered(registration, None));
        plan.changes.push(Change::Added(registration.name.clone()));
    }
    if unknown.is_empty() { Ok(plan) } else { Err(UnknownPasswords { entries: unknown }) }
}

/// Returns whether the desired state refers to this entry: by its identity, or because it is managed and has the same URL.
fn is_target(
    entry: &ApiCallbackEntry,
    name: &EntryName,
    desired: &DesiredState,
    known_passwords: &KnownPasswords,
) -> bool {
    if entry.known().is_none() {
        return false;
    }
    match desired {
        DesiredState::Remove(removed) => name == removed,
        DesiredState::Register(registration) => {
            *name == registration.name || (name.url() == registration.url() && known_passwords.get(name).is_managed)
        }
    }
}

fn registered(registration: &Registration, old: Option<&ApiCallback>) -> PlannedEntry {
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

/// Removes the field `password` of an entry that was read: its value can only be a mask, and sending it back would make
/// the mask the password.
fn without_password(entry: &ApiCallback) -> Extra {
    let mut extra = entry.extra.clone();
    extra.remove("password");
    extra
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::callback_list::ListBody;

    const OURS: &str = "https://ours.example/cb";
    const THEIRS: &str = "https://theirs.example/cb";

    fn known(url: &str, username: &str) -> ApiCallbackEntry {
        serde_json::from_value(json!({"name": "label", "url": url, "username": username})).unwrap()
    }

    fn register(username: &str) -> DesiredState {
        DesiredState::Register(Registration::new(OURS, username, Secret::new("new")).unwrap())
    }

    fn body(plan: &Plan) -> Value {
        serde_json::to_value(ListBody(&plan.entries)).unwrap()
    }

    fn all_held() -> KnownPasswords {
        KnownPasswords::new().managed(OURS, "old", Secret::new("old")).supplied(THEIRS, "them", Secret::new("their"))
    }

    #[test]
    fn a_new_entry_comes_last() {
        let plan = merge(&[known(THEIRS, "them")], &register("new"), &all_held(), &AllowedLosses::none()).unwrap();
        assert_eq!(
            body(&plan),
            json!({"api_callbacks": [
                {"name": "label", "url": THEIRS, "username": "them", "password": "their"},
                {"url": OURS, "username": "new", "password": "new"},
            ]})
        );
        let (theirs, ours) = (EntryName::new(THEIRS, "them"), EntryName::new(OURS, "new"));
        assert_eq!(plan.changes(), [Change::Kept(theirs), Change::Added(ours)]);
    }

    #[test]
    fn our_entry_is_replaced_at_its_place_and_keeps_its_label() {
        let list = [known(OURS, "old"), known(THEIRS, "them")];
        let plan = merge(&list, &register("new"), &all_held(), &AllowedLosses::none()).unwrap();
        assert_eq!(
            body(&plan)["api_callbacks"][0],
            json!({"name": "label", "url": OURS, "username": "new", "password": "new"})
        );
        assert_eq!(plan.removed(), [EntryName::new(OURS, "old")]);
    }

    #[test]
    fn somebody_elses_entry_with_our_url_stays() {
        let list = [known(OURS, "stranger")];
        let error = merge(&list, &register("new"), &all_held(), &AllowedLosses::none()).unwrap_err();
        assert_eq!(error.entries[0].entry, EntryName::new(OURS, "stranger"));
        let plan = merge(&list, &register("new"), &all_held(), &AllowedLosses::all()).unwrap();
        assert_eq!(plan.entries.len(), 2);
    }

    #[test]
    fn an_entry_with_nearly_our_url_stays() {
        for url in ["https://ours.example/cb/", "https://OURS.example/cb", "https://ours.example:443/cb"] {
            assert!(
                merge(&[known(url, "old")], &register("new"), &all_held(), &AllowedLosses::none()).is_err(),
                "{url}"
            );
        }
    }

    #[test]
    fn registering_the_same_twice_makes_one_entry() {
        let list = [known(OURS, "key"), known(OURS, "key")];
        let plan = merge(&list, &register("key"), &KnownPasswords::new(), &AllowedLosses::none()).unwrap();
        assert_eq!(plan.entries.len(), 1);
        assert_eq!(plan.removed(), []);
    }

    #[test]
    fn a_password_that_was_shown_is_not_sent_back() {
        let entry: ApiCallbackEntry =
            serde_json::from_value(json!({"url": THEIRS, "username": "them", "password": "****", "region": "eu"}))
                .unwrap();
        let list = [entry];
        let plan = merge(&list, &register("new"), &all_held(), &AllowedLosses::none()).unwrap();
        let sent = json!({"url": THEIRS, "username": "them", "password": "their", "region": "eu"});
        assert_eq!(body(&plan)["api_callbacks"][0], sent);
        let plan = merge(&list, &register("new"), &KnownPasswords::new(), &AllowedLosses::all()).unwrap();
        assert_eq!(body(&plan)["api_callbacks"][0], json!({"url": THEIRS, "username": "them", "region": "eu"}));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_sent_as_it_is_if_that_is_allowed() {
        let list = [ApiCallbackEntry::Unreadable(json!({"href": THEIRS}))];
        assert!(merge(&list, &register("new"), &all_held(), &AllowedLosses::none()).is_err());
        let plan = merge(&list, &register("new"), &all_held(), &AllowedLosses::all()).unwrap();
        assert_eq!(body(&plan)["api_callbacks"][0], json!({"href": THEIRS}));
    }

    #[test]
    fn a_plan_shows_no_password() {
        let plan = merge(&[known(THEIRS, "them")], &register("new"), &all_held(), &AllowedLosses::none()).unwrap();
        let shown = format!("{plan:?}");
        assert!(shown.contains("theirs.example") && !shown.contains("their\"") && !shown.contains("Secret"), "{shown}");
    }

    /// Generates an entry. There are few URLs and user names, so that entries often share them; some entries are
    /// undocumented.
    fn any_entry() -> impl Strategy<Value = ApiCallbackEntry> {
        let urls = prop::sample::select(vec![OURS, THEIRS, "https://third.example", "nonsense"]);
        let usernames = prop::sample::select(vec!["old", "older", "them", "new", ""]);
        prop_oneof![
            9 => (urls, usernames).prop_map(|(url, username)| known(url, username)),
            1 => any::<u8>().prop_map(|n| ApiCallbackEntry::Unreadable(json!({"n": n}))),
        ]
    }

    fn any_holdings() -> impl Strategy<Value = KnownPasswords> {
        let one = (
            prop::sample::select(vec![OURS, THEIRS, "https://third.example"]),
            prop::sample::select(vec!["old", "older", "them"]),
            any::<bool>(),
        );
        prop::collection::vec(one, 0..6).prop_map(|held| {
            held.into_iter().fold(KnownPasswords::new(), |known_passwords, (url, username, issued)| {
                let password = Secret::new(format!("{url} {username}"));
                if issued {
                    known_passwords.managed(url, username, password)
                } else {
                    known_passwords.supplied(url, username, password)
                }
            })
        })
    }

    proptest! {
        #[test]
        fn nobody_elses_entry_is_ever_lost(
            list in prop::collection::vec(any_entry(), 0..8),
            known_passwords in any_holdings(),
            allow in any::<bool>(),
            remove in any::<bool>(),
        ) {
            let desired = if remove { DesiredState::Remove(EntryName::new(OURS, "old")) } else { register("new") };
            let allowed_losses = if allow { AllowedLosses::all() } else { AllowedLosses::none() };
            let ours = |name: &EntryName| match &desired {
                DesiredState::Remove(removed) => name == removed,
                DesiredState::Register(_) => name.url() == OURS && (name.username() == "new" || known_passwords.get(name).is_managed),
            };
            let foreign: Vec<_> = list.iter().map(EntryName::of).filter(|name| !ours(name)).collect();
            match merge(&list, &desired, &known_passwords, &allowed_losses) {
                Ok(plan) if plan.is_empty() => prop_assert_eq!(foreign.len(), list.len()),
                Ok(plan) => {
                    let planned: Vec<_> = plan.entries.iter().map(PlannedEntry::name).collect();
                    let kept: Vec<_> = planned.iter().filter(|name| !ours(name)).cloned().collect();
                    prop_assert_eq!(&kept, &foreign, "everybody else's, in their order");
                    let new = planned.iter().filter(|name| ours(name)).count();
                    prop_assert_eq!(new, usize::from(!remove), "ours exactly once");
                    for entry in &plan.entries {
                        if let PlannedEntry::Known { entry: known, password } = entry {
                            let name = entry.name();
                            let held = known_passwords.get(&name).password;
                            let right = if ours(&name) { Some("new") } else { held.as_ref().map(Secret::expose) };
                            prop_assert_eq!(password.as_ref().map(Secret::expose), right);
                            prop_assert!(allow || password.is_some());
                            prop_assert!(!known.extra.contains_key("password"));
                        }
                    }
                }
                Err(error) => {
                    prop_assert!(!allow);
                    let unknown: Vec<_> = list.iter().filter(|entry| {
                        let name = EntryName::of(entry);
                        !ours(&name) && (entry.known().is_none() || known_passwords.get(&name).password.is_none())
                    }).map(EntryName::of).collect();
                    let named: Vec<_> = error.entries.iter().map(|unknown| unknown.entry.clone()).collect();
                    prop_assert_eq!(named, unknown);
                }
            }
        }
    }
}
