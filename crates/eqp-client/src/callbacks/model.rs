//! Tests changes of a list with a small model of the Marketplace, which replaces or merges lists, loses responses, applies writes late
//! or not at all, and lets others edit the list between two reads.
//!
//! The model omits two things that no client can detect: an edit between the last read and the write, and a new
//! password for an existing user name.

use std::cell::RefCell;
use std::collections::VecDeque;

use eqp_types::{ApiCallbackEntry, Secret};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::change::{ListAccess, change};
use crate::Error;
use crate::callback_list::{AllowedLosses, DesiredState, EntryName, KnownPasswords, ListBody, Plan, Registration};
use crate::problem::Call;
use crate::redact::KeptBody;

const OURS: &str = "https://ours.example/cb";
const URLS: [&str; 3] = [OURS, "https://theirs.example/a", "https://theirs.example/b"];
/// User names that were issued for our URL. The last one is to be registered.
const ISSUED: [&str; 3] = ["eqp-1", "eqp-2", "eqp-3"];
const STRANGERS: [&str; 3] = ["ann", "bob", "cy"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum ServerBehaviour {
    Replaces,
    MergesByUrlAndUsername,
    /// The list cannot have two entries with the same URL.
    MergesByUrl,
}

/// The effect of a write.
#[derive(Clone, Copy, Debug)]
enum WriteResult {
    Answered,
    AnswerLost,
    /// Answered with 504, and carried out after the next read.
    Late,
    /// Answered with 502, and not carried out.
    Lost,
    /// Answered with 400.
    Rejected,
}

/// What another client does to the list in one `PUT`.
#[derive(Clone, Debug)]
enum Edit {
    Nothing,
    Adds(usize, usize),
    Removes(usize),
    /// The same entry with another user name and password.
    Renames(usize, usize),
    Relabels(usize),
    /// Writes only its own entry, as a client does that ignores the others.
    Overwrites(usize, usize),
    /// Restores the initial list.
    Restores,
}

#[derive(Debug)]
struct ServerModel {
    behaviour: ServerBehaviour,
    list: Vec<Value>,
    at_first: Vec<Value>,
    edits: VecDeque<Edit>,
    write_results: VecDeque<WriteResult>,
    late: Option<Vec<Value>>,
    /// Whether entries may be sent without their password.
    may_lose: bool,
    known_passwords: KnownPasswords,
    desired: DesiredState,
    reads: usize,
    applied: usize,
    writes: usize,
}

struct Model(RefCell<ServerModel>);

fn password(url: &str, username: &str) -> String {
    format!("password of {username} at {url}")
}

fn entry(url: &str, username: &str) -> Value {
    json!({"name": "label", "url": url, "username": username, "password": password(url, username)})
}

fn without_password(entry: &Value) -> ApiCallbackEntry {
    let mut visible = entry.clone();
    if let Some(fields) = visible.as_object_mut() {
        fields.remove("password");
    }
    serde_json::from_value(visible).unwrap()
}

fn name(entry: &Value) -> EntryName {
    EntryName::of(&without_password(entry))
}

fn is_managed(entry: &Value) -> bool {
    entry["url"] == OURS && ISSUED.iter().any(|username| entry["username"] == *username)
}

impl ServerModel {
    fn edit(&mut self) {
        let at = |index: usize, list: &[Value]| (!list.is_empty()).then(|| index % list.len());
        match self.edits.pop_front().unwrap_or(Edit::Nothing) {
            Edit::Nothing => return,
            Edit::Adds(url, stranger) => {
                let new = entry(self.url_of_a_stranger(url), STRANGERS[stranger]);
                let one_for_a_url = self.behaviour == ServerBehaviour::MergesByUrl;
                let is_there = |old: &Value| name(old) == name(&new) || (one_for_a_url && old["url"] == new["url"]);
                if !self.list.iter().any(is_there) {
                    self.list.push(new);
                }
            }
            Edit::Removes(index) => drop(at(index, &self.list).map(|at| self.list.remove(at))),
            Edit::Renames(index, stranger) => {
                let renamed = at(index, &self.list).filter(|at| !is_managed(&self.list[*at]));
                if let Some((at, url)) = renamed.and_then(|at| Some((at, self.list[at]["url"].as_str()?.to_owned()))) {
                    let renamed = entry(&url, STRANGERS[stranger]);
                    // A list that is merged by URL and user name cannot have two entries with the same pair.
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
        // A late write would have been carried out before this edit.
        self.late = None;
    }

    fn url_of_a_stranger(&self, url: usize) -> &'static str {
        if self.behaviour == ServerBehaviour::MergesByUrl { URLS[1 + url % 2] } else { URLS[url] }
    }

    /// Carries out a write and checks what must never happen.
    fn carry_out(&mut self, sent: Vec<Value>) {
        let before = self.list.clone();
        match self.behaviour {
            ServerBehaviour::Replaces => self.list = sent,
            ServerBehaviour::MergesByUrl => self.merge(sent, |entry| entry["url"].to_string()),
            ServerBehaviour::MergesByUrlAndUsername => {
                self.merge(sent, |entry| format!("{} {}", entry["url"], entry["username"]));
            }
        }
        self.applied += 1;
        for theirs in before.iter().filter(|entry| !is_managed(entry) && !self.is_removed(entry)) {
            let may_lose = self.may_lose && self.known_passwords.get(&name(theirs)).password.is_none();
            let same = |now: &&Value| {
                if may_lose { without_password(now) == without_password(theirs) } else { *now == theirs }
            };
            assert!(self.list.iter().any(|now| same(&now)), "lost: {theirs}, of {before:?} is {:?}", self.list);
        }
        for ours in self.list.iter().filter(|entry| is_managed(entry)) {
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
        matches!(&self.desired, DesiredState::Remove(removed) if *removed == name(entry))
    }

    fn desired_state_is_reached(&self) -> bool {
        match &self.desired {
            DesiredState::Register(registration) => {
                let new = self.list.iter().filter(|entry| name(entry) == registration.name).count();
                let others =
                    self.list.iter().filter(|entry| is_managed(entry) && name(entry) != registration.name).count();
                new == 1 && (others == 0 || self.behaviour == ServerBehaviour::MergesByUrlAndUsername)
            }
            DesiredState::Remove(removed) => self.list.iter().all(|entry| name(entry) != *removed),
        }
    }
}

impl ListAccess for Model {
    async fn read(&self) -> Result<Vec<ApiCallbackEntry>, Error> {
        let mut server = self.0.borrow_mut();
        server.reads += 1;
        server.edit();
        let read = server.list.iter().map(without_password).collect();
        if let Some(sent) = server.late.take() {
            server.carry_out(sent);
        }
        Ok(read)
    }

    async fn write(&self, plan: &Plan) -> Result<(), Error> {
        let mut server = self.0.borrow_mut();
        server.writes += 1;
        let body = serde_json::to_value(ListBody(&plan.entries)).unwrap();
        let sent = body["api_callbacks"].as_array().unwrap().clone();
        match server.write_results.pop_front().unwrap_or(WriteResult::Answered) {
            WriteResult::Answered => server.carry_out(sent),
            WriteResult::AnswerLost => {
                server.carry_out(sent);
                return Err(rejected(504));
            }
            WriteResult::Late => {
                server.late = Some(sent);
                return Err(rejected(504));
            }
            WriteResult::Lost => return Err(rejected(502)),
            WriteResult::Rejected => return Err(rejected(400)),
        }
        Ok(())
    }
}

fn rejected(status: u16) -> Error {
    Error::Rejected {
        call: Call { api_call: &eqp_types::calls::USERS_PUT, path: String::new() },
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

fn any_write_result() -> impl Strategy<Value = WriteResult> {
    let write_results = vec![
        WriteResult::Answered,
        WriteResult::AnswerLost,
        WriteResult::Late,
        WriteResult::Lost,
        WriteResult::Rejected,
    ];
    prop::sample::select(write_results)
}

prop_compose! {
    fn any_server()(
        behaviour in prop::sample::select(vec![ServerBehaviour::Replaces, ServerBehaviour::MergesByUrlAndUsername, ServerBehaviour::MergesByUrl]),
        issued in prop::collection::btree_set(0..2usize, 0..2),
        theirs in prop::collection::btree_set((0..3usize, 0..3usize), 0..4),
        unreadable in prop::bool::weighted(0.1),
        known in prop::collection::vec(prop::bool::weighted(0.8), 9),
        may_lose in any::<bool>(),
        removes in prop::bool::weighted(0.3),
        edits in prop::collection::vec(any_edit(), 0..8),
        write_results in prop::collection::vec(any_write_result(), 0..4),
    ) -> ServerModel {
        let stranger_at = |url: usize| if behaviour == ServerBehaviour::MergesByUrl { URLS[1 + url % 2] } else { URLS[url] };
        let mut list: Vec<Value> = issued.iter().map(|index| entry(OURS, ISSUED[*index])).collect();
        for (url, stranger) in theirs {
            let new = entry(stranger_at(url), STRANGERS[stranger]);
            if behaviour != ServerBehaviour::MergesByUrl || list.iter().all(|old| old["url"] != new["url"]) {
                list.push(new);
            }
        }
        if unreadable {
            list.push(json!({"href": "https://odd.example", "n": [1, 2.5, null]}));
        }
        let mut known_passwords = KnownPasswords::new();
        for username in ISSUED {
            known_passwords = known_passwords.managed(OURS, username, Secret::new(password(OURS, username)));
        }
        for (index, known) in known.iter().enumerate() {
            let (url, stranger) = (URLS[index / 3], STRANGERS[index % 3]);
            if *known {
                known_passwords = known_passwords.supplied(url, stranger, Secret::new(password(url, stranger)));
            }
        }
        let desired = if removes {
            DesiredState::Remove(EntryName::new(OURS, ISSUED[0]))
        } else {
            DesiredState::Register(Registration::new(OURS, ISSUED[2], Secret::new(password(OURS, ISSUED[2]))).unwrap())
        };
        ServerModel {
            behaviour, at_first: list.clone(), list, edits: edits.into(), write_results: write_results.into(), late: None, may_lose, known_passwords, desired,
            reads: 0, applied: 0, writes: 0,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_entry_of_others_is_lost_no_password_is_stale_and_every_change_comes_to_an_end(server in any_server()) {
        let (desired, known_passwords) = (server.desired.clone(), server.known_passwords.clone());
        let allowed_losses = if server.may_lose { AllowedLosses::all() } else { AllowedLosses::none() };
        let model = Model(RefCell::new(server));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // Repeat the same change until it succeeds.
        let mut tries = 0;
        loop {
            tries += 1;
            let (reads, writes, applied) = {
                let server = model.0.borrow();
                (server.reads, server.writes, server.applied)
            };
            let result = runtime.block_on(change(&model, &desired, &known_passwords, &allowed_losses));
            let server = model.0.borrow();
            prop_assert!(server.reads - reads <= 7 && server.writes - writes <= 1, "one change makes a bounded number of requests");
            match result {
                Ok(_) => {
                    prop_assert!(server.desired_state_is_reached(), "{:?}", server.list);
                    break;
                }
                Err(error) if !error.outcome_is_unknown() => {
                    prop_assert_eq!(server.applied + usize::from(server.late.is_some()), applied, "{}", error);
                    let waits_for_somebody = matches!(error, Error::UnknownPasswords(_));
                    if waits_for_somebody && server.edits.is_empty() {
                        break;
                    }
                }
                // A server that merges lists cannot remove an entry, and the error reports that.
                Err(Error::NotVerified { .. }) if server.behaviour != ServerBehaviour::Replaces && server.edits.is_empty() => break,
                Err(_) => {}
            }
            prop_assert!(tries < 20, "the change never ends");
        }
    }
}
