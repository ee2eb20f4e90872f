//! The active rules with their counters.

use std::time::Duration;

use super::call::CallFacts;
use super::callback::{CallbackFacts, CallbackFault, CallbackPlan};
use super::{Counters, Fault, FaultRule, FaultState};

/// The active rules, in the order in which they were added.
#[derive(Debug)]
pub(crate) struct ActiveFaults {
    seed: u64,
    last_id: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    rule: FaultRule,
    counters: Counters,
}

/// The faults injected into one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct InjectedFaults {
    pub(crate) latency: Duration,
    pub(crate) dead_token: bool,
    /// The fault that determines the response.
    pub(crate) fault: Option<Fault>,
}

impl ActiveFaults {
    pub(crate) fn new(seed: u64, rules: impl IntoIterator<Item = FaultRule>) -> Self {
        let mut faults = Self { seed, last_id: 0, entries: Vec::new() };
        for rule in rules {
            faults.add(rule);
        }
        faults
    }

    /// Adds a rule and returns its ID.
    pub(crate) fn add(&mut self, rule: FaultRule) -> u64 {
        self.last_id += 1;
        self.entries.push(Entry { id: self.last_id, rule, counters: Counters::default() });
        self.last_id
    }

    /// Removes a rule and returns whether it existed.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.id != id);
        self.entries.len() < before
    }

    /// Removes all rules.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Returns every active rule with its counters.
    pub(crate) fn states(&self) -> impl Iterator<Item = FaultState> {
        self.entries.iter().map(|Entry { id, rule, counters }| FaultState {
            id: *id,
            rule: rule.clone(),
            matched: counters.matched,
            injected: counters.injected,
            is_active: !rule.frequency().is_spent(*counters),
        })
    }

    /// Returns the faults to inject into a call. Delays add up; the first fault that determines the response ends the
    /// search, and later rules do not count this call.
    pub(crate) fn of_call(&mut self, facts: &CallFacts<'_>) -> InjectedFaults {
        let mut injected = InjectedFaults::default();
        for Entry { id, rule, counters } in &mut self.entries {
            let FaultRule::Call(calls, fault) = rule else { continue };
            if !calls.matches(facts) || !calls.frequency.applies(counters, self.seed, *id) {
                continue;
            }
            match fault {
                Fault::Latency(length) => injected.latency = injected.latency.saturating_add(*length),
                Fault::DeadToken => injected.dead_token = true,
                decides => {
                    injected.fault = Some(decides.clone());
                    break;
                }
            }
        }
        injected
    }

    /// Returns the faults to inject into a callback; several rules can apply to one.
    pub(crate) fn of_callback(&mut self, facts: &CallbackFacts) -> CallbackPlan {
        let mut plan = CallbackPlan::default();
        for Entry { id, rule, counters } in &mut self.entries {
            let FaultRule::Callback(when, fault) = rule else { continue };
            if !when.matches(facts) || !when.frequency.applies(counters, self.seed, *id) {
                continue;
            }
            match fault {
                CallbackFault::Duplicates(duplicates) => plan.duplicates = plan.duplicates.saturating_add(*duplicates),
                CallbackFault::Late(by) => plan.late = Some(*by),
                CallbackFault::Dropped => plan.dropped = true,
                CallbackFault::Swapped => plan.swapped = true,
                CallbackFault::FirstForm => plan.first_form = true,
                CallbackFault::UnknownEvent(code) => plan.unknown.push(code.clone()),
                CallbackFault::UnknownFields => plan.extra_fields = true,
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn faults(rules: &[&str]) -> ActiveFaults {
        ActiveFaults::new(0, rules.iter().map(|rule| rule.parse().unwrap()))
    }

    const LIST: CallFacts<'static> =
        CallFacts { method: &Method::GET, path: "/files/uploads", name: Some("files.list") };

    #[test]
    fn delays_add_up_and_the_first_answer_counts() {
        let mut faults = faults(&["latency=1s", "latency=2s nth=1", "status=503 nth=1", "html", "cut method=PUT"]);
        let first = faults.of_call(&LIST);
        assert_eq!(first.latency, Duration::from_secs(3));
        assert!(matches!(first.fault, Some(Fault::Status { status: 503, .. })));
        let second = faults.of_call(&LIST);
        assert_eq!((second.latency, second.fault), (Duration::from_secs(1), Some(Fault::Html)));
        let counts: Vec<_> = faults.states().map(|state| (state.matched, state.injected, state.is_active)).collect();
        assert_eq!(counts, [(2, 2, true), (2, 1, false), (2, 1, false), (1, 1, true), (0, 0, true)]);
    }

    #[test]
    fn only_the_nth_matching_callback_is_chosen() {
        let mut faults = faults(&["dropped status=approved nth=2"]);
        let facts = |status: &str| CallbackFacts {
            event: "eqp_status_update",
            flow: eqp_types::Flow::Technical,
            status: status.to_owned(),
            identifiers: vec!["s1".into()],
        };
        let dropped = ["approved", "rejected", "approved", "approved"].map(|o| faults.of_callback(&facts(o)).dropped);
        assert_eq!(dropped, [false, false, true, false]);
    }

    #[test]
    fn a_rule_is_removed_by_its_id() {
        let mut faults = faults(&["cut", "html"]);
        assert!(faults.remove(1) && !faults.remove(1));
        assert_eq!(faults.of_call(&LIST).fault, Some(Fault::Html));
        faults.clear();
        assert_eq!(faults.of_call(&LIST), InjectedFaults::default());
        assert_eq!(faults.add("cut".parse().unwrap()), 3, "ids are not used again");
    }
}
