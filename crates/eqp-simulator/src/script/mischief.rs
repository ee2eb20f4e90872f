//! What goes wrong with callbacks on purpose.

use std::fmt;
use std::time::Duration;

use eqp_types::Flow;

use super::Pattern;
use crate::fault::{Turn, written_duration};

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
    /// It has the first published form, whatever form the others have.
    FirstForm,
    /// Behind it another callback is sent, with this event code, about the same subject.
    AlsoUnknown(String),
    /// It bears fields that no documentation knows.
    ExtraFields,
}

/// Which callbacks something goes wrong with; every condition must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    event: Option<String>,
    flow: Option<Flow>,
    outcome: Option<String>,
    subject: Option<Pattern>,
    pub(crate) turn: Turn,
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

    /// Only the `nth` of those that the other conditions fit, counted from 1; may be said several times.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.turn.nth.push(nth);
        self
    }

    /// Only this share (0 to 1) of those that the other conditions fit, by chance from the seed.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.turn.rate = Some(rate);
        self
    }

    /// At most so many.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.turn.times = Some(times);
        self
    }

    pub(crate) fn fits(&self, facts: &CallbackFacts) -> bool {
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
#[allow(clippy::struct_excessive_bools, reason = "each is a mischief of its own, and any may be combined")]
pub(crate) struct CallbackPlan {
    pub(crate) copies: u32,
    pub(crate) late: Option<Duration>,
    pub(crate) dropped: bool,
    pub(crate) swapped: bool,
    pub(crate) first_form: bool,
    pub(crate) unknown: Vec<String>,
    pub(crate) extra_fields: bool,
}

impl fmt::Display for Mischief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copies(copies) => write!(f, "copies={copies}"),
            Self::Late(by) => write!(f, "late={}", written_duration(*by)),
            Self::Dropped => f.write_str("dropped"),
            Self::Swapped => f.write_str("swapped"),
            Self::FirstForm => f.write_str("first-form"),
            Self::AlsoUnknown(code) => write!(f, "unknown-event={code}"),
            Self::ExtraFields => f.write_str("unknown-fields"),
        }
    }
}

impl fmt::Display for When {
    /// The conditions as words, each with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(event) = &self.event {
            write!(f, " event={event}")?;
        }
        if let Some(flow) = &self.flow {
            write!(f, " flow={flow}")?;
        }
        if let Some(outcome) = &self.outcome {
            write!(f, " outcome={outcome}")?;
        }
        if let Some(subject) = &self.subject {
            write!(f, " subject={subject}")?;
        }
        write!(f, "{}", self.turn)
    }
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
}
