//! What the Marketplace remembers: accounts with their profiles, files and packages, and what is due when.
//!
//! Everything here is synchronous and in memory; one lock around it is held for the length of one call.

mod account;
mod archive;
mod change;
mod course;
mod field;
mod file;
mod fill;
mod find;
mod inherit;
mod key;
mod launch;
mod list;
mod package;
mod profile;
mod reset;
mod session;
mod steer;
mod submission;
mod test_run;
mod values;
mod versions;
mod view;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use eqp_types::{Environment, Timestamp};
use time::OffsetDateTime;
use tokio::sync::mpsc;

pub(crate) use account::{Account, AccountIndex};
pub(crate) use file::{Composer, FileEntry, NewFile};
pub use inherit::NewVersions;
pub(crate) use list::{ListQuery, Page};
pub(crate) use package::Track;
pub use profile::CallbackList;
pub(crate) use test_run::Finding;
pub(crate) use view::{test_report, test_results};

use crate::callback_form::{self, CallbackForm};
use crate::chance;
use crate::clock::{Clock, SimulatedTime};
use crate::fault::Faults;
use crate::script::{CallbackFacts, Script};
use crate::sender::{Message, Outgoing};
use crate::sent::SentKind;
use crate::spelling::Style;
use course::Due;

/// What is settled at the start.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    pub(crate) environment: Environment,
    pub(crate) form: CallbackForm,
    pub(crate) script: Script,
    pub(crate) seed: u64,
    pub(crate) longest_token_life: std::time::Duration,
    pub(crate) callback_list: CallbackList,
    pub(crate) style: Style,
    /// What a new version does with fields that it lacks.
    pub(crate) new_versions: NewVersions,
    /// The base URL, for what the API answers with a URL.
    pub(crate) base_url: String,
    /// The first account has so many packages from the start.
    pub(crate) packages: usize,
    /// Two changes of a package never share a second.
    pub(crate) distinct_seconds: bool,
}

/// Everything the Marketplace remembers.
pub(crate) struct Market {
    pub(crate) accounts: Vec<Account>,
    manners: Manners,
    clock: Clock,
    due: BinaryHeap<Reverse<Due>>,
    /// Numbers everything that gets an id or a place in the queue.
    count: u64,
    pub(crate) faults: Faults,
    outbox: mpsc::Sender<Outgoing>,
    /// Counts the resets; the sender forgets what is older.
    era: Arc<AtomicU64>,
}

impl Market {
    pub(crate) fn new(
        accounts: Vec<Account>,
        manners: Manners,
        clock: Clock,
        outbox: mpsc::Sender<Outgoing>,
        era: Arc<AtomicU64>,
    ) -> Self {
        let faults = Faults::new(manners.seed, manners.script.faults.clone());
        let mut market = Self { accounts, manners, clock, due: BinaryHeap::new(), count: 0, faults, outbox, era };
        market.begin();
        market
    }

    /// The clock of reviews.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What the wall clock shows, with what was skipped, as the API writes it.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::of(self.moment(self.clock.elapsed()))
    }

    /// Whose manners it has.
    pub(crate) fn environment(&self) -> Environment {
        self.manners.environment
    }

    /// The base URL of the API.
    pub(crate) fn base_url(&self) -> &str {
        &self.manners.base_url
    }

    /// How things are spelled.
    pub(crate) fn style(&self) -> Style {
        self.manners.style
    }

    /// What all chance comes from.
    pub(crate) fn seed(&self) -> u64 {
        self.manners.seed
    }

    /// The course of what happens by itself.
    pub(crate) fn script_mut(&mut self) -> &mut Script {
        &mut self.manners.script
    }

    fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn moment(&self, at: SimulatedTime) -> OffsetDateTime {
        self.clock.moment(at)
    }

    /// A length varied by up to a tenth up or down.
    fn varied(&self, length: std::time::Duration, words: &[&str]) -> std::time::Duration {
        length.mul_f64(0.9 + 0.2 * chance::fraction(self.manners.seed, words))
    }

    /// Hands a callback to the sender, for every registration of the account.
    fn tell(
        &mut self,
        account: AccountIndex,
        facts: CallbackFacts,
        at: Timestamp,
        body: impl FnOnce(CallbackForm, bool) -> Bytes,
    ) {
        let plan = self.faults.of_callback(&facts);
        let form = if plan.first_form { CallbackForm::First } else { self.manners.form };
        let targets = self.accounts[account].registrations.clone();
        let subject = facts.words.first().cloned().unwrap_or_default();
        let unknown = plan
            .unknown
            .into_iter()
            .map(|code| Message {
                body: callback_form::unknown(&code, &subject, &at.to_string()),
                event: code,
                flow: None,
                outcome: None,
                subject: subject.clone(),
            })
            .collect();
        let callback = Message {
            body: self.manners.style.callback(body(form, plan.extra_fields)),
            event: facts.event.to_owned(),
            flow: Some(facts.flow),
            outcome: Some(facts.outcome),
            subject,
        };
        let outgoing = Outgoing {
            copies: plan.copies,
            late: plan.late,
            dropped: plan.dropped,
            swapped: plan.swapped,
            unknown,
            ..Outgoing::new(targets, callback, SentKind::Plain, self.era.load(Ordering::Relaxed))
        };
        self.post(outgoing);
    }

    /// Sends a body of the caller's own to every registration of an account, or to those with one URL; answers how
    /// many there are.
    pub(crate) fn tell_as_is(&mut self, account: AccountIndex, event: &str, body: Bytes, url: Option<&str>) -> usize {
        let callback = Message { body, event: event.to_owned(), flow: None, outcome: None, subject: String::new() };
        self.tell_again(account, callback, SentKind::Plain, url)
    }

    /// The same for every registration, so long after now, in simulated time. It goes to those that there are now, with
    /// the credentials that they have now.
    pub(crate) fn tell_late(
        &mut self,
        account: AccountIndex,
        event: &str,
        body: Bytes,
        by: std::time::Duration,
    ) -> usize {
        let callback = Message { body, event: event.to_owned(), flow: None, outcome: None, subject: String::new() };
        let targets = self.accounts[account].registrations.clone();
        let count = targets.len();
        let era = self.era.load(Ordering::Relaxed);
        self.post(Outgoing { late: Some(by), ..Outgoing::new(targets, callback, SentKind::Late, era) });
        count
    }

    /// Hands a callback to the sender as it is, for every registration of an account, or for those with one URL.
    fn tell_again(&mut self, account: AccountIndex, callback: Message, kind: SentKind, url: Option<&str>) -> usize {
        let registered = self.accounts[account].registrations.iter();
        let targets: Vec<_> = registered.filter(|entry| url.is_none_or(|url| entry.url == url)).cloned().collect();
        let count = targets.len();
        if count > 0 {
            self.post(Outgoing::new(targets, callback, kind, self.era.load(Ordering::Relaxed)));
        }
        count
    }

    fn post(&self, outgoing: Outgoing) {
        if let Err(error) = self.outbox.try_send(outgoing) {
            tracing::warn!(%error, "a callback is dropped: too many wait to be sent");
        }
    }
}
