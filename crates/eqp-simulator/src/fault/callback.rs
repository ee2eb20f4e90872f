//! Faults of callbacks, and the conditions that select callbacks.

use std::fmt;
use std::time::Duration;

use eqp_types::Flow;

use super::frequency::{Frequency, frequency_setters};
use super::pattern::Pattern;
use super::values::written_duration;

/// A fault that is injected into a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallbackFault {
    /// Sends the callback this many more times, byte for byte the same.
    Duplicates(u32),
    /// Sends the callback later by this much simulated time; the callbacks that follow it are not delayed.
    Late(Duration),
    /// Never sends the callback.
    Dropped,
    /// Sends the callback after the one that follows it.
    Swapped,
    /// Writes the callback in the older published format, regardless of the format of the others.
    FirstForm,
    /// Sends another callback after it, with this event code, about the same resource.
    UnknownEvent(String),
    /// Adds fields that are not documented.
    UnknownFields,
}

/// Selects callbacks; every condition must hold.
///
/// ```
/// use eqp_simulator::{CallbackFault, CallbackMatcher, Script};
///
/// let approved = CallbackMatcher::any().status("approved").resource("*badges*");
/// let script = Script::new().callback_fault(approved.rate(0.2), CallbackFault::Duplicates(2));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallbackMatcher {
    event: Option<String>,
    flow: Option<Flow>,
    status: Option<String>,
    resource: Option<Pattern>,
    pub(crate) frequency: Frequency,
}

impl CallbackMatcher {
    /// Matches every callback.
    pub fn any() -> Self {
        Self::default()
    }

    /// Matches callbacks with this `callback_event`.
    #[must_use]
    pub fn event(mut self, code: &str) -> Self {
        self.event = Some(code.to_owned());
        self
    }

    /// Matches callbacks that name this flow; [`Flow::Malware`] for scans of files.
    #[must_use]
    pub fn flow(mut self, flow: Flow) -> Self {
        self.flow = Some(flow);
        self
    }

    /// Matches callbacks that report this status, such as `approved` or `failed`.
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        self.status = Some(status.to_owned());
        self
    }

    /// Matches callbacks about a submission whose ID, item ID, SKU or name matches, or a file whose ID or name matches.
    #[must_use]
    pub fn resource(mut self, pattern: impl Into<Pattern>) -> Self {
        self.resource = Some(pattern.into());
        self
    }

    frequency_setters!();

    pub(crate) fn matches(&self, facts: &CallbackFacts) -> bool {
        let is = |wanted: &Option<String>, got: &str| wanted.as_ref().is_none_or(|wanted| wanted == got);
        is(&self.event, facts.event)
            && is(&self.status, &facts.status)
            && self.flow.as_ref().is_none_or(|flow| *flow == facts.flow)
            && self.resource.as_ref().is_none_or(|pattern| facts.identifiers.iter().any(|word| pattern.fits(word)))
    }
}

/// The properties of a callback that rules match.
#[derive(Clone, Debug)]
pub(crate) struct CallbackFacts {
    pub(crate) event: &'static str,
    pub(crate) flow: Flow,
    pub(crate) status: String,
    /// The identifiers of its resource: IDs, SKU, name; the Marketplace's own ID is the first.
    pub(crate) identifiers: Vec<String>,
}

/// The faults that are injected into one callback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a separate fault, and they may be combined")]
pub(crate) struct CallbackPlan {
    pub(crate) duplicates: u32,
    pub(crate) late: Option<Duration>,
    pub(crate) dropped: bool,
    pub(crate) swapped: bool,
    pub(crate) first_form: bool,
    pub(crate) unknown: Vec<String>,
    pub(crate) extra_fields: bool,
}

impl fmt::Display for CallbackFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicates(duplicates) => write!(f, "duplicates={duplicates}"),
            Self::Late(by) => write!(f, "late={}", written_duration(*by)),
            Self::Dropped => f.write_str("dropped"),
            Self::Swapped => f.write_str("swapped"),
            Self::FirstForm => f.write_str("first-form"),
            Self::UnknownEvent(code) => write!(f, "unknown-event={code}"),
            Self::UnknownFields => f.write_str("unknown-fields"),
        }
    }
}

impl fmt::Display for CallbackMatcher {
    /// Writes the conditions, each with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(event) = &self.event {
            write!(f, " event={event}")?;
        }
        if let Some(flow) = &self.flow {
            write!(f, " flow={flow}")?;
        }
        if let Some(status) = &self.status {
            write!(f, " status={status}")?;
        }
        if let Some(resource) = &self.resource {
            write!(f, " resource={resource}")?;
        }
        write!(f, "{}", self.frequency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(status: &str) -> CallbackFacts {
        CallbackFacts {
            event: "eqp_status_update",
            flow: Flow::Technical,
            status: status.to_owned(),
            identifiers: vec!["s1".into(), "badges-1".into()],
        }
    }

    #[test]
    fn every_condition_must_hold() {
        for (when, fits) in [
            (CallbackMatcher::any(), true),
            (
                CallbackMatcher::any()
                    .event("eqp_status_update")
                    .flow(Flow::Technical)
                    .status("approved")
                    .resource("badges*"),
                true,
            ),
            (CallbackMatcher::any().event("malware_scan_complete"), false),
            (CallbackMatcher::any().flow(Flow::Marketing), false),
            (CallbackMatcher::any().status("rejected"), false),
            (CallbackMatcher::any().resource("other*"), false),
        ] {
            assert_eq!(when.matches(&facts("approved")), fits, "{when:?}");
        }
    }
}
