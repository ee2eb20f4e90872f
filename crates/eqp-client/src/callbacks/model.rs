//! Changes of a list against a small model of the Marketplace: it replaces or merges what is sent, loses answers,
//! applies late or not at all, and others edit the list between two readings.
//!
//! Two things are beyond any client, and so beyond the model: an edit between the last reading and the write, which
//! nothing shows, and a new password under an old user name, which no reading shows.

use std::cell::RefCell;
use std::collections::VecDeque;

use eqp_types::{ApiCallbackEntry, Secret};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::change::{ListAccess, change};
use super::plan::ListBody;
use super::{Allowance, EntryName, Holdings, Plan, Registration, Wish};
use crate::Error;
use crate::problem::Call;
use crate::redact::KeptBody;

const OURS: &str = "https://ours.example/cb";
const URLS: [&str; 3] = [OURS, "https://theirs.example/a", "https://theirs.example/b"];
/// User names that were issued for our URL; the last is the one wished for.
const ISSUED: [&str; 3] = ["eqp-1", "eqp-2", "eqp-3"];
const STRANGERS: [&str; 3] = ["ann", "bob", "cy"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Replaces,
    MergesByUrlAndUsername,
    /// Two entries with one URL cannot be there.
    MergesByUrl,
}

/// What happens to a write.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    AnswerLost,
    /// 504, and it is carried out after the next reading.
    Late,
    /// 502, and it is not carried out.
    Lost,
    /// 400.
    Refused,
}

/// What others do to the list, all in one `PUT` of theirs.
#[derive(Clone, Debug)]
enum Edit {
    Nothing,
    Adds(usize, usize),
    Removes(usize),
    /// The same entry with another user name and password.
    Renames(usize, usize),
    Relabels(usize),
    /// Theirs only, as a client does that knows of no others.
    Overwrites(usize, usize),
    /// As it was at the beginning.
    Restores,
}

#[derive(Debug)]
struct World {
    manner: Manner,
    list: Vec<Value>,
    at_first: Vec<Value>,
    edits: VecDeque<Edit>,
    fates: VecDeque<Fate>,
    late: Option<Vec<Value>>,
    /// What may be sent without its password.
    may_lose: bool,
    held: Holdings,
    wish: Wish,
    reads: usize,
    applied: usize,
    writes: usize,
}

struct Model(RefCell<World>);

fn password(url: &str, username: &str) -> String {
    format!("password of {username} at {url}")
}

fn entry(url: &str, username: &str) -> Value {
    json!({"name": "label", "url": url, "username": username, "password": password(url, username)})
}

fn shown(entry: &Value) -> ApiCallbackEntry {
    let mut shown = entry.clone();
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("password");
    }
    serde_json::from_value(shown).unwrap()
}

fn name(entry: &Value) -> EntryName {
    EntryName::of(&shown(entry))
}

fn is_ours(entry: &Value) -> bool {
    entry["url"] == OURS && ISSUED.iter().any(|username| entry["username"] == *username)
}

impl World {
    fn edit(&mut self) {
        let at = |index: usize, list: &[Value]| (!list.is_empty()).then(|| index % list.len());
        match self.edits.pop_front().unwrap_or(Edit::Nothing) {
            Edit::Nothing => return,
            Edit::Adds(url, stranger) => {
                let new = entry(self.url_of_a_stranger(url), STRANGERS[stranger]);
                let one_for_a_url = self.manner == Manner::MergesByUrl;
                let is_there = |old: &Value| name(old) == name(&new) || (one_for_a_url && old["url"] == new["url"]);
                if !self.list.iter().any(is_there) {
                    self.list.push(new);
                }
            }
            Edit::Removes(index) => drop(at(index, &self.list).map(|at| self.list.remove(at))),
            Edit::Renames(index, stranger) => {
                let renamed = at(index, &self.list).filter(|at| !is_ours(&self.list[*at]));
                if let Some((at, url)) = renamed.and_then(|at| Some((at, self.list[at]["url"].as_str()?.to_owned()))) {
                    let renamed = entry(&url, STRANGERS[stranger]);
                    // No list that is merged by URL and user name has two entries with the same.
                    if !self.list.iter().any(|old| name(old) == name(&renamed)) {
                        self.list[at] = renamed;
                    }
                }
            }
            Edit::Relabels(index) => {
                if let Some(at) = at(index, &self.list).filter(|at| self.list[*at].is_object()) {
                    self.list[at]["name"] = json!("another label");
                }
            }
            Edit::Overwrites(url, stranger) => {
                self.list = vec![entry(self.url_of_a_stranger(url), STRANGERS[stranger])];
            }
            Edit::Restores => self.list.clone_from(&self.at_first),
        }
        // Whatever was under way would have come before it.
        self.late = None;
    }

    fn url_of_a_stranger(&self, url: usize) -> &'static str {
        if self.manner == Manner::MergesByUrl { URLS[1 + url % 2] } else { URLS[url] }
    }

    /// Carries a write out, and holds it against what must never happen.
    fn carry_out(&mut self, sent: Vec<Value>) {
        let before = self.list.clone();
        match self.manner {
            Manner::Replaces => self.list = sent,
            Manner::MergesByUrl => self.merge(sent, |entry| entry["url"].to_string()),
            Manner::MergesByUrlAndUsername => {
                self.merge(sent, |entry| format!("{} {}", entry["url"], entry["username"]));
            }
        }
        self.applied += 1;
        for theirs in before.iter().filter(|entry| !is_ours(entry) && !self.is_removed(entry)) {
            let may_lose = self.may_lose && self.held.get(&name(theirs)).password.is_none();
            let same = |now: &&Value| if may_lose { shown(now) == shown(theirs) } else { *now == theirs };
            assert!(self.list.iter().any(|now| same(&now)), "lost: {theirs}, of {before:?} is {:?}", self.list);
        }
        for ours in self.list.iter().filter(|entry| is_ours(entry)) {
            let right = password(OURS, ours["username"].as_str().unwrap());
            assert_eq!(ours["password"], right, "a stale password: {ours}");
        }
    }

    fn merge(&mut self, sent: Vec<Value>, key: impl Fn(&Value) -> String) {
        for entry in sent {
            match self.list.iter().position(|old| key(old) == key(&entry)) {
                Some(at) => self.list[at] = entry,
                None => self.list.push(entry),
            }
        }
    }

    fn is_removed(&self, entry: &Value) -> bool {
        matches!(&self.wish, Wish::Remove(removed) if *removed == name(entry))
    }

    fn wish_is_fulfilled(&self) -> bool {
        match &self.wish {
            Wish::Register(wished) => {
                let new = self.list.iter().filter(|entry| name(entry) == wished.name).count();
                let others = self.list.iter().filter(|entry| is_ours(entry) && name(entry) != wished.name).count();
                new == 1 && (others == 0 || self.manner == Manner::MergesByUrlAndUsername)
            }
            Wish::Remove(removed) => self.list.iter().all(|entry| name(entry) != *removed),
        }
    }
}

impl ListAccess for Model {
    async fn read(&self) -> Result<Vec<ApiCallbackEntry>, Error> {
        let mut world = self.0.borrow_mut();
        world.reads += 1;
        world.edit();
        let read = world.list.iter().map(shown).collect();
        if let Some(sent) = world.late.take() {
            world.carry_out(sent);
        }
        Ok(read)
    }

    async fn write(&self, plan: &Plan) -> Result<(), Error> {
        let mut world = self.0.borrow_mut();
        world.writes += 1;
        let body = serde_json::to_value(ListBody(&plan.entries)).unwrap();
        let sent = body["api_callbacks"].as_array().unwrap().clone();
        match world.fates.pop_front().unwrap_or(Fate::Answered) {
            Fate::Answered => world.carry_out(sent),
            Fate::AnswerLost => {
                world.carry_out(sent);
                return Err(refused(504));
            }
            Fate::Late => {
                world.late = Some(sent);
                return Err(refused(504));
            }
            Fate::Lost => return Err(refused(502)),
            Fate::Refused => return Err(refused(400)),
        }
        Ok(())
    }
}

fn refused(status: u16) -> Error {
    Error::Refused {
        call: Call { endpoint: &crate::endpoint::USERS_PUT, path: String::new() },
        status,
        code: None,
        message: String::new(),
        retry_after: None,
        body: KeptBody::default(),
    }
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        6 => Just(Edit::Nothing),
        2 => (0..3usize, 0..3usize).prop_map(|(url, stranger)| Edit::Adds(url, stranger)),
        1 => (0..9usize).prop_map(Edit::Removes),
        1 => (0..9usize, 0..3usize).prop_map(|(index, stranger)| Edit::Renames(index, stranger)),
        1 => (0..9usize).prop_map(Edit::Relabels),
        1 => (0..3usize, 0..3usize).prop_map(|(url, stranger)| Edit::Overwrites(url, stranger)),
        1 => Just(Edit::Restores),
    ]
}

fn any_fate() -> impl Strategy<Value = Fate> {
    let fates = vec![Fate::Answered, Fate::AnswerLost, Fate::Late, Fate::Lost, Fate::Refused];
    prop::sample::select(fates)
}

prop_compose! {
    fn any_world()(
        manner in prop::sample::select(vec![Manner::Replaces, Manner::MergesByUrlAndUsername, Manner::MergesByUrl]),
        issued in prop::collection::btree_set(0..2usize, 0..2),
        theirs in prop::collection::btree_set((0..3usize, 0..3usize), 0..4),
        unreadable in prop::bool::weighted(0.1),
        known in prop::collection::vec(prop::bool::weighted(0.8), 9),
        may_lose in any::<bool>(),
        removes in prop::bool::weighted(0.3),
        edits in prop::collection::vec(any_edit(), 0..8),
        fates in prop::collection::vec(any_fate(), 0..4),
    ) -> World {
        let stranger_at = |url: usize| if manner == Manner::MergesByUrl { URLS[1 + url % 2] } else { URLS[url] };
        let mut list: Vec<Value> = issued.iter().map(|index| entry(OURS, ISSUED[*index])).collect();
        for (url, stranger) in theirs {
            let new = entry(stranger_at(url), STRANGERS[stranger]);
            if manner != Manner::MergesByUrl || list.iter().all(|old| old["url"] != new["url"]) {
                list.push(new);
            }
        }
        if unreadable {
            list.push(json!({"href": "https://odd.example", "n": [1, 2.5, null]}));
        }
        let mut held = Holdings::new();
        for username in ISSUED {
            held = held.issued(OURS, username, Secret::new(password(OURS, username)));
        }
        for (index, known) in known.iter().enumerate() {
            let (url, stranger) = (URLS[index / 3], STRANGERS[index % 3]);
            if *known {
                held = held.supplied(url, stranger, Secret::new(password(url, stranger)));
            }
        }
        let wish = if removes {
            Wish::Remove(EntryName::new(OURS, ISSUED[0]))
        } else {
            Wish::Register(Registration::new(OURS, ISSUED[2], Secret::new(password(OURS, ISSUED[2]))).unwrap())
        };
        World {
            manner, at_first: list.clone(), list, edits: edits.into(), fates: fates.into(), late: None, may_lose, held, wish,
            reads: 0, applied: 0, writes: 0,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_entry_of_others_is_lost_no_password_is_stale_and_every_change_comes_to_an_end(world in any_world()) {
        let (wish, held) = (world.wish.clone(), world.held.clone());
        let allowance = if world.may_lose { Allowance::all() } else { Allowance::none() };
        let model = Model(RefCell::new(world));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // Somebody runs the same command until nothing goes wrong any more.
        let mut tries = 0;
        loop {
            tries += 1;
            let (reads, writes, applied) = {
                let world = model.0.borrow();
                (world.reads, world.writes, world.applied)
            };
            let result = runtime.block_on(change(&model, &wish, &held, &allowance));
            let world = model.0.borrow();
            prop_assert!(world.reads - reads <= 7 && world.writes - writes <= 1, "one change has an end");
            match result {
                Ok(_) => {
                    prop_assert!(world.wish_is_fulfilled(), "{:?}", world.list);
                    break;
                }
                Err(error) if !error.outcome_is_unknown() => {
                    prop_assert_eq!(world.applied + usize::from(world.late.is_some()), applied, "{}", error);
                    let waits_for_somebody = matches!(error, Error::Refusal(_));
                    if waits_for_somebody && world.edits.is_empty() {
                        break;
                    }
                }
                // A server that only ever adds cannot take anything away; that is said.
                Err(Error::NotVerified { .. }) if world.manner != Manner::Replaces && world.edits.is_empty() => break,
                Err(_) => {}
            }
            prop_assert!(tries < 20, "it never ends");
        }
    }
}
