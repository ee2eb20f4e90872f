//! The state of the simulated Marketplace: accounts with profiles, files and packages, and scheduled events.
//!
//! Everything here is synchronous and in memory. One lock protects it, and each call holds the lock until it is done.

mod admin;
mod change;
mod completion;
mod field;
mod file;
mod find;
mod initial;
mod key;
mod profile;
mod schedule;
mod session;
mod state;
mod submission;
mod values;
mod view;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use eqp_types::{Environment, Timestamp};
use time::OffsetDateTime;
use tokio::sync::mpsc;

pub use completion::NewVersions;
pub use profile::CallbackList;
pub(crate) use state::{Account, AccountIndex, FileEntry, Finding, ListQuery, NewFile, Page, Track};
pub(crate) use view::{test_report, test_results};

use crate::callback_form::{self, CallbackForm};
use crate::clock::{Clock, SimulatedTime};
use crate::fault::ActiveFaults;
use crate::fault::CallbackFacts;
use crate::rng;
use crate::script::Script;
use crate::sender::{Message, Outgoing};
use crate::sent::SentKind;
use crate::spelling::Style;
use schedule::Due;

/// The behaviour of the simulator, as configured at its start.
#[derive(Clone, Debug)]
pub(crate) struct BehaviourProfile {
    pub(crate) environment: Environment,
    pub(crate) form: CallbackForm,
    pub(crate) script: Script,
    pub(crate) seed: u64,
    pub(crate) longest_token_life: std::time::Duration,
    pub(crate) callback_list: CallbackList,
    pub(crate) style: Style,
    /// The treatment of fields that a new version lacks.
    pub(crate) new_versions: NewVersions,
    /// The base URL, for responses that contain a URL.
    pub(crate) base_url: String,
    /// The number of packages that the first account has from the start.
    pub(crate) packages: usize,
    /// Whether two changes of a package never share a second.
    pub(crate) distinct_seconds: bool,
}

/// The state of the simulated Marketplace.
pub(crate) struct Marketplace {
    pub(crate) accounts: Vec<Account>,
    behaviour: BehaviourProfile,
    clock: Clock,
    due: BinaryHeap<Reverse<Due>>,
    /// The last number that was used for an ID or a scheduled event.
    count: u64,
    pub(crate) faults: ActiveFaults,
    outbox: mpsc::Sender<Outgoing>,
    /// The number of resets; the sender discards callbacks from before the last one.
    generation: Arc<AtomicU64>,
}

impl Marketplace {
    pub(crate) fn new(
        accounts: Vec<Account>,
        behaviour: BehaviourProfile,
        clock: Clock,
        outbox: mpsc::Sender<Outgoing>,
        generation: Arc<AtomicU64>,
    ) -> Self {
        let faults = ActiveFaults::new(behaviour.seed, behaviour.script.faults.clone());
        let mut marketplace =
            Self { accounts, behaviour, clock, due: BinaryHeap::new(), count: 0, faults, outbox, generation };
        marketplace.begin();
        marketplace
    }

    /// Returns the clock of reviews.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the wall clock time plus any time that was skipped, as a timestamp of the API.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::of(self.wall_time(self.clock.elapsed()))
    }

    /// Returns the environment whose behaviour is simulated.
    pub(crate) fn environment(&self) -> Environment {
        self.behaviour.environment
    }

    /// Returns the base URL of the API.
    pub(crate) fn base_url(&self) -> &str {
        &self.behaviour.base_url
    }

    /// Returns the configured variants of responses and callbacks.
    pub(crate) fn style(&self) -> Style {
        self.behaviour.style
    }

    /// Returns the seed of everything random.
    pub(crate) fn seed(&self) -> u64 {
        self.behaviour.seed
    }

    /// Returns the script, to be changed.
    pub(crate) fn script_mut(&mut self) -> &mut Script {
        &mut self.behaviour.script
    }

    fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn wall_time(&self, at: SimulatedTime) -> OffsetDateTime {
        self.clock.wall_time(at)
    }

    /// Returns a duration varied by up to a tenth up or down.
    fn varied(&self, length: std::time::Duration, labels: &[&str]) -> std::time::Duration {
        length.mul_f64(0.9 + 0.2 * rng::fraction(self.behaviour.seed, labels))
    }

    /// Enqueues a callback for every registration of the account, with the faults that apply to it.
    fn notify(
        &mut self,
        account: AccountIndex,
        facts: CallbackFacts,
        at: Timestamp,
        body: impl FnOnce(CallbackForm, bool) -> Bytes,
    ) {
        let plan = self.faults.of_callback(&facts);
        let form = if plan.first_form { CallbackForm::First } else { self.behaviour.form };
        let targets = self.accounts[account].registrations.clone();
        let resource_id =
            facts.identifiers.first().cloned().expect("the ID of the API is the first of the identifiers");
        let unknown = plan
            .unknown
            .into_iter()
            .map(|code| Message {
                body: callback_form::unknown(&code, &resource_id, &at.to_string()),
                event: code,
                flow: None,
                status: None,
                resource_id: resource_id.clone(),
            })
            .collect();
        let callback = Message {
            body: self.behaviour.style.callback(body(form, plan.extra_fields)),
            event: facts.event.to_owned(),
            flow: Some(facts.flow),
            status: Some(facts.status),
            resource_id,
        };
        let outgoing = Outgoing {
            duplicates: plan.duplicates,
            late: plan.late,
            dropped: plan.dropped,
            swapped: plan.swapped,
            unknown,
            ..Outgoing::new(targets, callback, SentKind::Plain, self.generation.load(Ordering::Relaxed))
        };
        self.post(outgoing);
    }

    /// Enqueues any body for every registration of an account, or for those with the given URL, and returns
    /// their number.
    pub(crate) fn send_raw(&mut self, account: AccountIndex, event: &str, body: Bytes, url: Option<&str>) -> usize {
        let callback = Message { body, event: event.to_owned(), flow: None, status: None, resource_id: String::new() };
        self.send_to(account, callback, SentKind::Plain, url)
    }

    /// Enqueues any body for every registration of an account, to be sent after a delay in simulated time. The
    /// registrations and credentials are those at the time of the call.
    pub(crate) fn send_raw_late(
        &mut self,
        account: AccountIndex,
        event: &str,
        body: Bytes,
        by: std::time::Duration,
    ) -> usize {
        let callback = Message { body, event: event.to_owned(), flow: None, status: None, resource_id: String::new() };
        let targets = self.accounts[account].registrations.clone();
        let count = targets.len();
        let generation = self.generation.load(Ordering::Relaxed);
        self.post(Outgoing { late: Some(by), ..Outgoing::new(targets, callback, SentKind::Late, generation) });
        count
    }

    /// Enqueues a callback without faults for every registration of an account, or for those with the given URL.
    fn send_to(&mut self, account: AccountIndex, callback: Message, kind: SentKind, url: Option<&str>) -> usize {
        let registered = self.accounts[account].registrations.iter();
        let targets: Vec<_> = registered.filter(|entry| url.is_none_or(|url| entry.url == url)).cloned().collect();
        let count = targets.len();
        if count > 0 {
            self.post(Outgoing::new(targets, callback, kind, self.generation.load(Ordering::Relaxed)));
        }
        count
    }

    fn post(&self, outgoing: Outgoing) {
        if let Err(error) = self.outbox.try_send(outgoing) {
            tracing::warn!(%error, "send queue is full, dropping callback");
        }
    }
}
