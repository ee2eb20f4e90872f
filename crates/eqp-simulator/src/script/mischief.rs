//! What goes wrong with callbacks on purpose.

use std::time::Duration;

use eqp_types::Flow;

use super::Pattern;
use crate::chance;

/// Something that goes wrong with a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mischief {
    /// It is sent so many times more, byte for byte the same.
    Copies(u32),
    /// It is sent so long after its time, in simulated time; what follows it is not held up.
    Late(Duration),
    /// It is never sent.
    Dropped,
    /// It is sent after the callback that follows it.
    Swapped,
    /// Behind it another callback is sent, with this event code, about the same subject.
    AlsoUnknown(String),
    /// It bears fields that no documentation knows.
    ExtraFields,
}

/// Which callbacks something goes wrong with; every condition must hold.
#[derive(Clone, Debug, Default)]
pub struct When {
    event: Option<String>,
    flow: Option<Flow>,
    outcome: Option<String>,
    subject: Option<Pattern>,
    nth: Option<u64>,
    rate: Option<f64>,
}

impl When {
    /// Every callback.
    pub fn any() -> Self {
        Self::default()
    }

    /// Those with this `callback_event`.
    #[must_use]
    pub fn event(mut self, code: &str) -> Self {
        self.event = Some(code.to_owned());
        self
    }

    /// Those that name this flow; [`Flow::Malware`] for scans of files.
    #[must_use]
    pub fn flow(mut self, flow: Flow) -> Self {
        self.flow = Some(flow);
        self
    }

    /// Those that tell of this outcome, such as `approved` or `failed`.
    #[must_use]
    pub fn outcome(mut self, outcome: &str) -> Self {
        self.outcome = Some(outcome.to_owned());
        self
    }

    /// Those about a submission whose id, item id, SKU or name fits, or a file whose id or name fits.
    #[must_use]
    pub fn subject(mut self, pattern: impl Into<Pattern>) -> Self {
        self.subject = Some(pattern.into());
        self
    }

    /// Only the `nth` of those that the other conditions fit, counted from 1.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Only this share (0 to 1) of those that the other conditions fit, by chance from the seed.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = Some(rate);
        self
    }

    fn fits(&self, facts: &CallbackFacts) -> bool {
        let is = |wanted: &Option<String>, got: &str| wanted.as_ref().is_none_or(|wanted| wanted == got);
        is(&self.event, facts.event)
            && is(&self.outcome, &facts.outcome)
            && self.flow.as_ref().is_none_or(|flow| *flow == facts.flow)
            && self.subject.as_ref().is_none_or(|pattern| facts.words.iter().any(|word| pattern.fits(word)))
    }
}

/// What a callback is about.
#[derive(Clone, Debug)]
pub(crate) struct CallbackFacts {
    pub(crate) event: &'static str,
    pub(crate) flow: Flow,
    pub(crate) outcome: String,
    /// What its subject is known by: ids, SKU, name; the API's id first.
    pub(crate) words: Vec<String>,
}

/// What is done with one callback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) copies: u32,
    pub(crate) late: Option<Duration>,
    pub(crate) dropped: bool,
    pub(crate) swapped: bool,
    pub(crate) unknown: Vec<String>,
    pub(crate) extra_fields: bool,
}

/// Plans one callback; `counts` remembers per rule how many callbacks it fitted so far.
pub(crate) fn mischief_of(rules: &[(When, Mischief)], counts: &mut Vec<u64>, seed: u64, facts: &CallbackFacts) -> Plan {
    counts.resize(rules.len(), 0);
    let mut plan = Plan::default();
    for (index, (when, mischief)) in rules.iter().enumerate() {
        if !when.fits(facts) {
            continue;
        }
        counts[index] += 1;
        let nth = counts[index];
        let chosen = when.nth.is_none_or(|wanted| wanted == nth)
            && when
                .rate
                .is_none_or(|rate| chance::fraction(seed, &["mischief", &index.to_string(), &nth.to_string()]) < rate);
        if !chosen {
            continue;
        }
        match mischief {
            Mischief::Copies(copies) => plan.copies += copies,
            Mischief::Late(by) => plan.late = Some(*by),
            Mischief::Dropped => plan.dropped = true,
            Mischief::Swapped => plan.swapped = true,
            Mischief::AlsoUnknown(code) => plan.unknown.push(code.clone()),
            Mischief::ExtraFields => plan.extra_fields = true,
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(outcome: &str) -> CallbackFacts {
        CallbackFacts {
            event: "eqp_status_update",
            flow: Flow::Technical,
            outcome: outcome.to_owned(),
            words: vec!["s1".into(), "badges-1".into()],
        }
    }

    #[test]
    fn every_condition_must_hold() {
        for (when, fits) in [
            (When::any(), true),
            (When::any().event("eqp_status_update").flow(Flow::Technical).outcome("approved").subject("badges*"), true),
            (When::any().event("malware_scan_complete"), false),
            (When::any().flow(Flow::Marketing), false),
            (When::any().outcome("rejected"), false),
            (When::any().subject("other*"), false),
        ] {
            assert_eq!(when.fits(&facts("approved")), fits, "{when:?}");
        }
    }

    #[test]
    fn only_the_nth_is_chosen() {
        let rules = [(When::any().outcome("approved").nth(2), Mischief::Dropped)];
        let mut counts = Vec::new();
        let dropped: Vec<bool> = ["approved", "rejected", "approved", "approved"]
            .map(|outcome| mischief_of(&rules, &mut counts, 0, &facts(outcome)).dropped)
            .to_vec();
        assert_eq!(dropped, [false, false, true, false]);
    }

    #[test]
    fn a_rate_chooses_a_share_and_always_the_same() {
        let rules = [(When::any().rate(0.3), Mischief::Copies(1))];
        let run = || {
            let mut counts = Vec::new();
            (0..1000).map(|_| mischief_of(&rules, &mut counts, 5, &facts("x")).copies).collect::<Vec<_>>()
        };
        let copies: u32 = run().iter().sum();
        assert!((240..360).contains(&copies), "{copies}");
        assert_eq!(run(), run());
    }
}
