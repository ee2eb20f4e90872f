//! Fault rules, which can be written as one line of text: `FAULT [CONDITION…]`, separated by spaces, such as
//! `status=503,html call=packages.list nth=2`. The command line and the control API use the same text.

use std::fmt;
use std::str::FromStr;

use super::callback::{CallbackFault, CallbackMatcher};
use super::conditions::{calls, when};
use super::frequency::Frequency;
use super::kinds::{CALL_FAULTS, CALLBACK_FAULTS, call_fault, callback_fault};
use super::{CallMatcher, Fault};
use crate::Error;

/// A fault, and the calls or callbacks that it is injected into.
///
/// ```
/// use eqp_simulator::FaultRule;
///
/// for text in [
///     "latency=2s path=/files/*",
///     "too-many-requests=30s,date call=packages.list nth=1,2",
///     "answer-lost call=packages.create times=1",
///     "duplicates=2 status=approved rate=0.1",
/// ] {
///     let rule: FaultRule = text.parse()?;
///     assert_eq!(rule.to_string(), text);
/// }
/// # Ok::<(), eqp_simulator::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultRule {
    /// A fault of calls of the API.
    Call(CallMatcher, Fault),
    /// A fault of callbacks.
    Callback(CallbackMatcher, CallbackFault),
}

/// A rule with its counters.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FaultState {
    /// The ID of the rule; IDs count from 1 and are not reused.
    pub id: u64,
    /// The rule.
    pub rule: FaultRule,
    /// The number of calls or callbacks that the rule matched.
    pub matched: u64,
    /// The number of them into which the fault was injected.
    pub injected: u64,
    /// Whether the fault can be injected again.
    pub is_active: bool,
}

impl FromStr for FaultRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut words = text.split_whitespace();
        let what = words.next().ok_or_else(|| Error::fault("", "does not name a fault", []))?;
        let (name, value) = what.split_once('=').map_or((what, None), |(name, value)| (name, Some(value)));
        let conditions: Vec<(&str, &str)> = words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
        if CALL_FAULTS.contains(&name) {
            Ok(Self::Call(calls(&conditions)?, call_fault(name, value)?))
        } else if CALLBACK_FAULTS.contains(&name) {
            Ok(Self::Callback(when(&conditions)?, callback_fault(name, value)?))
        } else {
            Err(Error::fault(name, "is not a fault", CALL_FAULTS.into_iter().chain(CALLBACK_FAULTS)))
        }
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(calls, fault) => write!(f, "{fault}{calls}"),
            Self::Callback(when, fault) => write!(f, "{fault}{when}"),
        }
    }
}

impl FaultRule {
    pub(super) fn frequency(&self) -> &Frequency {
        match self {
            Self::Call(calls, _) => &calls.frequency,
            Self::Callback(when, _) => &when.frequency,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::answered;

    #[test]
    fn every_fault_is_written_as_it_is_read() {
        for text in [
            "latency=250ms",
            "dead-token nth=3",
            "too-many-requests=30s",
            "too-many-requests=30s,date method=GET",
            "status=503",
            "status=502,html path=/files/*",
            "status=500,empty rate=0.25",
            "html call=session.token",
            "error-body=1210 call=packages.get",
            "wrong-shape call=packages.get times=2",
            "cut",
            "cut-body",
            "answer-lost call=packages.create nth=1,4",
            "huge=1000",
            "endless",
            "duplicates=2 flow=technical status=approved",
            "late=75s nth=1",
            "dropped event=malware_scan_complete",
            "swapped",
            "first-form rate=0.5",
            "unknown-event=store_moved resource=*badges*",
            "unknown-fields",
        ] {
            let rule: FaultRule = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(rule.to_string(), text);
            assert_eq!(rule.to_string().parse::<FaultRule>().unwrap(), rule);
        }
    }

    #[test]
    fn optional_values_have_defaults() {
        for (text, whole) in [
            ("huge", "huge=100000000"),
            ("huge=64KB", "huge=64000"),
            ("duplicates", "duplicates=1"),
            ("too-many-requests", "too-many-requests=1s"),
            ("status=503,json", "status=503"),
            ("cut  path=/rest/v1/users/* method=get", "cut method=GET path=/users/*"),
            ("cut nth=1 times=2 nth=3,4", "cut nth=1,3,4 times=2"),
        ] {
            assert_eq!(text.parse::<FaultRule>().unwrap().to_string(), whole, "{text}");
        }
    }

    #[test]
    fn an_invalid_word_is_named_with_the_most_similar_one() {
        for (text, wrong, nearest) in [
            ("lattency=2s", "lattency", "latency"),
            ("duplicate=2", "duplicate", "duplicates"),
            ("status=503,htm", "htm", "html"),
            ("cut call=package.list", "package.list", "packages.list"),
            ("cut metod=GET", "metod", "method"),
            ("cut method=GTE", "GTE", "GET"),
            ("dropped flow=technicl", "technicl", "technical"),
        ] {
            let error = text.parse::<FaultRule>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{wrong}`")) && error.contains(&format!("`{nearest}`")),
                "{text}: {error}"
            );
        }
        for text in [
            "",
            "latency",
            "latency=2",
            "status=200",
            "status",
            "cut=1",
            "cut nth=0",
            "cut nth=",
            "cut rate=1.5",
            "cut rate=NaN",
            "cut times=0",
            "cut path=files",
            "cut status=approved",
            "dropped call=files.get",
            "cut call=files.get call=files.list",
            "cut rate=0.5 nth=1 rate=0.1",
            "dropped flow=technical flow=marketing",
            "duplicates=0",
            "unknown-event",
            "huge=much",
        ] {
            assert!(text.parse::<FaultRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_condition_that_is_given_twice_is_named() {
        let error = "cut times=1 nth=2 times=3".parse::<FaultRule>().unwrap_err().to_string();
        assert!(error.contains("`times` is given twice"), "{error}");
    }

    #[test]
    fn every_call_can_be_named() {
        for call in answered() {
            assert!(format!("cut call={}", call.name).parse::<FaultRule>().is_ok(), "{}", call.name);
        }
    }
}
