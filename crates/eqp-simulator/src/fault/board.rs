//! The rules that are in force, with how often each has fitted and struck.

use std::time::Duration;

use http::Method;

use super::{Fault, FaultRule, FaultState, Tally};
use crate::script::{CallbackFacts, CallbackPlan, Mischief};

/// The rules in force, in the order in which they were added.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    last_id: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    rule: FaultRule,
    tally: Tally,
}

/// A call, as rules look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallFacts<'a> {
    pub(crate) method: &'a Method,
    /// Below `/rest/v1`.
    pub(crate) path: &'a str,
    /// None where no call is there.
    pub(crate) name: Option<&'static str>,
}

/// What goes wrong with one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Struck {
    pub(super) latency: Duration,
    pub(super) dead_token: bool,
    /// What decides the answer.
    pub(super) fault: Option<Fault>,
}

impl Faults {
    pub(crate) fn new(seed: u64, rules: impl IntoIterator<Item = FaultRule>) -> Self {
        let mut faults = Self { seed, last_id: 0, entries: Vec::new() };
        for rule in rules {
            faults.add(rule);
        }
        faults
    }

    /// Puts a rule in force; answers its id.
    pub(crate) fn add(&mut self, rule: FaultRule) -> u64 {
        self.last_id += 1;
        self.entries.push(Entry { id: self.last_id, rule, tally: Tally::default() });
        self.last_id
    }

    /// Takes a rule out of force; answers whether it was.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.id != id);
        self.entries.len() < before
    }

    /// Takes all rules out of force.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Every rule in force.
    pub(crate) fn states(&self) -> impl Iterator<Item = FaultState> {
        self.entries.iter().map(|Entry { id, rule, tally }| FaultState {
            id: *id,
            rule: rule.clone(),
            fitted: tally.fitted,
            struck: tally.struck,
            waits: !rule.turn().is_spent(*tally),
        })
    }

    /// What goes wrong with a call. Waits add up; the first fault that decides the answer ends the search, and rules
    /// behind it do not count this call.
    pub(super) fn of_call(&mut self, facts: &CallFacts<'_>) -> Struck {
        let mut struck = Struck::default();
        for Entry { id, rule, tally } in &mut self.entries {
            let FaultRule::Call(calls, fault) = rule else { continue };
            if !calls.fit(facts) || !calls.turn.strikes(tally, self.seed, *id) {
                continue;
            }
            match fault {
                Fault::Latency(length) => struck.latency = struck.latency.saturating_add(*length),
                Fault::DeadToken => struck.dead_token = true,
                decides => {
                    struck.fault = Some(decides.clone());
                    break;
                }
            }
        }
        struck
    }

    /// What goes wrong with a callback; several rules can strike one.
    pub(crate) fn of_callback(&mut self, facts: &CallbackFacts) -> CallbackPlan {
        let mut plan = CallbackPlan::default();
        for Entry { id, rule, tally } in &mut self.entries {
            let FaultRule::Callback(when, mischief) = rule else { continue };
            if !when.fits(facts) || !when.turn.strikes(tally, self.seed, *id) {
                continue;
            }
            match mischief {
                Mischief::Copies(copies) => plan.copies = plan.copies.saturating_add(*copies),
                Mischief::Late(by) => plan.late = Some(*by),
                Mischief::Dropped => plan.dropped = true,
                Mischief::Swapped => plan.swapped = true,
                Mischief::FirstForm => plan.first_form = true,
                Mischief::AlsoUnknown(code) => plan.unknown.push(code.clone()),
                Mischief::ExtraFields => plan.extra_fields = true,
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rules: &[&str]) -> Faults {
        Faults::new(0, rules.iter().map(|rule| rule.parse().unwrap()))
    }

    const LIST: CallFacts<'static> =
        CallFacts { method: &Method::GET, path: "/files/uploads", name: Some("files.list") };

    #[test]
    fn waits_add_up_and_the_first_answer_counts() {
        let mut faults = faults(&["latency=1s", "latency=2s nth=1", "status=503 nth=1", "html", "cut method=PUT"]);
        let first = faults.of_call(&LIST);
        assert_eq!(first.latency, Duration::from_secs(3));
        assert!(matches!(first.fault, Some(Fault::Status { status: 503, .. })));
        let second = faults.of_call(&LIST);
        assert_eq!((second.latency, second.fault), (Duration::from_secs(1), Some(Fault::Html)));
        let counts: Vec<_> = faults.states().map(|state| (state.fitted, state.struck, state.waits)).collect();
        assert_eq!(counts, [(2, 2, true), (2, 1, false), (2, 1, false), (1, 1, true), (0, 0, true)]);
    }

    #[test]
    fn only_the_nth_callback_that_fits_is_chosen() {
        let mut faults = faults(&["dropped outcome=approved nth=2"]);
        let facts = |outcome: &str| CallbackFacts {
            event: "eqp_status_update",
            flow: eqp_types::Flow::Technical,
            outcome: outcome.to_owned(),
            words: vec!["s1".into()],
        };
        let dropped = ["approved", "rejected", "approved", "approved"].map(|o| faults.of_callback(&facts(o)).dropped);
        assert_eq!(dropped, [false, false, true, false]);
    }

    #[test]
    fn a_rule_is_taken_out_by_its_id() {
        let mut faults = faults(&["cut", "html"]);
        assert!(faults.remove(1) && !faults.remove(1));
        assert_eq!(faults.of_call(&LIST).fault, Some(Fault::Html));
        faults.clear();
        assert_eq!(faults.of_call(&LIST), Struck::default());
        assert_eq!(faults.add("cut".parse().unwrap()), 3, "ids are not used again");
    }
}
