//! The list read, a wish, and the passwords held make a plan, or a refusal. No I/O.
//!
//! Whatever the list holds and the wish does not name stays, at its place. An entry is ours by its exact URL and a
//! user name that we issued.

use std::collections::BTreeSet;
use std::fmt;

use eqp_types::{ApiCallback, ApiCallbackEntry, Extra, Secret};

use super::plan::PlannedEntry;
use super::{Change, EntryName, Held, Holdings, Plan, Registration};

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

/// An entry that keeps the list from being rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEntry {
    /// The entry.
    pub entry: EntryName,
    /// Its label, if it has one.
    pub label: Option<String>,
    /// It is ours, and its password cannot be had any more.
    pub is_ours: bool,
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
    if let Wish::Remove(removed) = wish
        && list.iter().all(|entry| entry.known().is_none() || EntryName::of(entry) != *removed)
    {
        // It is gone already: nothing is written, so nothing can be lost.
        let changes = list.iter().map(|entry| Change::Kept(EntryName::of(entry))).collect();
        return Ok(Plan { made_from: list.to_vec(), entries: Vec::new(), changes });
    }
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
        let Held { password, is_ours } = holdings.get(&name);
        let password = password.filter(|_| entry.known().is_some());
        if password.is_none() && !allowance.covers(&name) {
            let label = entry.known().and_then(|known| known.name.clone());
            refused.push(RefusedEntry { entry: name, label, is_ours, is_readable: entry.known().is_some() });
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
            *name == registration.name || (name.url() == registration.url() && holdings.get(name).is_ours)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::callbacks::plan::ListBody;

    const OURS: &str = "https://ours.example/cb";
    const THEIRS: &str = "https://theirs.example/cb";

    fn known(url: &str, username: &str) -> ApiCallbackEntry {
        serde_json::from_value(json!({"name": "label", "url": url, "username": username})).unwrap()
    }

    fn register(username: &str) -> Wish {
        Wish::Register(Registration::new(OURS, username, Secret::new("new")).unwrap())
    }

    fn body(plan: &Plan) -> Value {
        serde_json::to_value(ListBody(&plan.entries)).unwrap()
    }

    fn all_held() -> Holdings {
        Holdings::new().issued(OURS, "old", Secret::new("old")).supplied(THEIRS, "them", Secret::new("their"))
    }

    #[test]
    fn a_new_entry_comes_last() {
        let plan = merge(&[known(THEIRS, "them")], &register("new"), &all_held(), &Allowance::none()).unwrap();
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
        let plan = merge(&list, &register("new"), &all_held(), &Allowance::none()).unwrap();
        assert_eq!(
            body(&plan)["api_callbacks"][0],
            json!({"name": "label", "url": OURS, "username": "new", "password": "new"})
        );
        assert_eq!(plan.gone(), [EntryName::new(OURS, "old")]);
    }

    #[test]
    fn somebody_elses_entry_with_our_url_stays() {
        let list = [known(OURS, "stranger")];
        let refusal = merge(&list, &register("new"), &all_held(), &Allowance::none()).unwrap_err();
        assert_eq!(refusal.entries[0].entry, EntryName::new(OURS, "stranger"));
        let plan = merge(&list, &register("new"), &all_held(), &Allowance::all()).unwrap();
        assert_eq!(plan.entries.len(), 2);
    }

    #[test]
    fn an_entry_with_nearly_our_url_stays() {
        for url in ["https://ours.example/cb/", "https://OURS.example/cb", "https://ours.example:443/cb"] {
            assert!(merge(&[known(url, "old")], &register("new"), &all_held(), &Allowance::none()).is_err(), "{url}");
        }
    }

    #[test]
    fn registering_the_same_twice_makes_one_entry() {
        let list = [known(OURS, "key"), known(OURS, "key")];
        let plan = merge(&list, &register("key"), &Holdings::new(), &Allowance::none()).unwrap();
        assert_eq!(plan.entries.len(), 1);
        assert_eq!(plan.gone(), []);
    }

    #[test]
    fn a_password_that_was_shown_is_not_sent_back() {
        let entry: ApiCallbackEntry =
            serde_json::from_value(json!({"url": THEIRS, "username": "them", "password": "****", "region": "eu"}))
                .unwrap();
        let list = [entry];
        let plan = merge(&list, &register("new"), &all_held(), &Allowance::none()).unwrap();
        let sent = json!({"url": THEIRS, "username": "them", "password": "their", "region": "eu"});
        assert_eq!(body(&plan)["api_callbacks"][0], sent);
        let plan = merge(&list, &register("new"), &Holdings::new(), &Allowance::all()).unwrap();
        assert_eq!(body(&plan)["api_callbacks"][0], json!({"url": THEIRS, "username": "them", "region": "eu"}));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_sent_as_it_is_if_that_is_allowed() {
        let list = [ApiCallbackEntry::Unreadable(json!({"href": THEIRS}))];
        assert!(merge(&list, &register("new"), &all_held(), &Allowance::none()).is_err());
        let plan = merge(&list, &register("new"), &all_held(), &Allowance::all()).unwrap();
        assert_eq!(body(&plan)["api_callbacks"][0], json!({"href": THEIRS}));
    }

    #[test]
    fn a_plan_shows_no_password() {
        let plan = merge(&[known(THEIRS, "them")], &register("new"), &all_held(), &Allowance::none()).unwrap();
        let shown = format!("{plan:?}");
        assert!(shown.contains("theirs.example") && !shown.contains("their\"") && !shown.contains("Secret"), "{shown}");
    }

    /// Few URLs and user names, so that they meet often; some entries are of another form.
    fn any_entry() -> impl Strategy<Value = ApiCallbackEntry> {
        let urls = prop::sample::select(vec![OURS, THEIRS, "https://third.example", "nonsense"]);
        let usernames = prop::sample::select(vec!["old", "older", "them", "new", ""]);
        prop_oneof![
            9 => (urls, usernames).prop_map(|(url, username)| known(url, username)),
            1 => any::<u8>().prop_map(|n| ApiCallbackEntry::Unreadable(json!({"n": n}))),
        ]
    }

    fn any_holdings() -> impl Strategy<Value = Holdings> {
        let one = (
            prop::sample::select(vec![OURS, THEIRS, "https://third.example"]),
            prop::sample::select(vec!["old", "older", "them"]),
            any::<bool>(),
        );
        prop::collection::vec(one, 0..6).prop_map(|held| {
            held.into_iter().fold(Holdings::new(), |holdings, (url, username, issued)| {
                let password = Secret::new(format!("{url} {username}"));
                if issued {
                    holdings.issued(url, username, password)
                } else {
                    holdings.supplied(url, username, password)
                }
            })
        })
    }

    proptest! {
        #[test]
        fn nobody_elses_entry_is_ever_lost(
            list in prop::collection::vec(any_entry(), 0..8),
            holdings in any_holdings(),
            allow in any::<bool>(),
            remove in any::<bool>(),
        ) {
            let wish = if remove { Wish::Remove(EntryName::new(OURS, "old")) } else { register("new") };
            let allowance = if allow { Allowance::all() } else { Allowance::none() };
            let ours = |name: &EntryName| match &wish {
                Wish::Remove(removed) => name == removed,
                Wish::Register(_) => name.url() == OURS && (name.username() == "new" || holdings.get(name).is_ours),
            };
            let foreign: Vec<_> = list.iter().map(EntryName::of).filter(|name| !ours(name)).collect();
            match merge(&list, &wish, &holdings, &allowance) {
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
                            let held = holdings.get(&name).password;
                            let right = if ours(&name) { Some("new") } else { held.as_ref().map(Secret::expose) };
                            prop_assert_eq!(password.as_ref().map(Secret::expose), right);
                            prop_assert!(allow || password.is_some());
                            prop_assert!(!known.extra.contains_key("password"));
                        }
                    }
                }
                Err(refusal) => {
                    prop_assert!(!allow);
                    let unknown: Vec<_> = list.iter().filter(|entry| {
                        let name = EntryName::of(entry);
                        !ours(&name) && (entry.known().is_none() || holdings.get(&name).password.is_none())
                    }).map(EntryName::of).collect();
                    let named: Vec<_> = refusal.entries.iter().map(|refused| refused.entry.clone()).collect();
                    prop_assert_eq!(named, unknown);
                }
            }
        }
    }
}
