//! A rule as one line of text, the same on the command line and in the control API:
//! `WHAT [CONDITION…]`, words apart by spaces, such as `status=503,html call=packages.list nth=2`.

use std::fmt;
use std::str::FromStr;

use super::conditions::{calls, when};
use super::kinds::{CALL_FAULTS, CALLBACK_FAULTS, fault, mischief};
use super::turn::Turn;
use super::{Calls, Fault};
use crate::Error;
use crate::script::{Mischief, When};

/// What goes wrong, and with what.
///
/// ```
/// use eqp_simulator::FaultRule;
///
/// for text in [
///     "latency=2s path=/files/*",
///     "too-many-requests=30s,date call=packages.list nth=1,2",
///     "answer-lost call=packages.create times=1",
///     "copies=2 outcome=approved rate=0.1",
/// ] {
///     let rule: FaultRule = text.parse()?;
///     assert_eq!(rule.to_string(), text);
/// }
/// # Ok::<(), eqp_simulator::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultRule {
    /// With calls of the API.
    Call(Calls, Fault),
    /// With callbacks.
    Callback(When, Mischief),
}

/// A rule with what has become of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FaultState {
    /// Counts the rules from 1.
    pub id: u64,
    /// The rule.
    pub rule: FaultRule,
    /// How many calls or callbacks it fitted.
    pub fitted: u64,
    /// How many of them it struck.
    pub struck: u64,
    /// It can strike again.
    pub waits: bool,
}

impl FromStr for FaultRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut words = text.split_whitespace();
        let what = words.next().ok_or_else(|| Error::fault("", "names no fault", []))?;
        let (name, value) = what.split_once('=').map_or((what, None), |(name, value)| (name, Some(value)));
        let conditions: Vec<(&str, &str)> = words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
        if CALL_FAULTS.contains(&name) {
            Ok(Self::Call(calls(&conditions)?, fault(name, value)?))
        } else if CALLBACK_FAULTS.contains(&name) {
            Ok(Self::Callback(when(&conditions)?, mischief(name, value)?))
        } else {
            Err(Error::fault(name, "is no fault", CALL_FAULTS.into_iter().chain(CALLBACK_FAULTS)))
        }
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(calls, fault) => write!(f, "{fault}{calls}"),
            Self::Callback(when, mischief) => write!(f, "{mischief}{when}"),
        }
    }
}

impl FaultRule {
    pub(super) fn turn(&self) -> &Turn {
        match self {
            Self::Call(calls, _) => &calls.turn,
            Self::Callback(when, _) => &when.turn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::CALLS;

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
            "copies=2 flow=technical outcome=approved",
            "late=75s nth=1",
            "dropped event=malware_scan_complete",
            "swapped",
            "first-form rate=0.5",
            "unknown-event=store_moved subject=*badges*",
            "unknown-fields",
        ] {
            let rule: FaultRule = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(rule.to_string(), text);
            assert_eq!(rule.to_string().parse::<FaultRule>().unwrap(), rule);
        }
    }

    #[test]
    fn what_may_be_left_out_has_a_default() {
        for (text, whole) in [
            ("huge", "huge=100000000"),
            ("huge=64KB", "huge=64000"),
            ("copies", "copies=1"),
            ("too-many-requests", "too-many-requests=1s"),
            ("status=503,json", "status=503"),
            ("cut  path=/rest/v1/users/* method=get", "cut method=GET path=/users/*"),
            ("cut nth=1 times=2 nth=3,4", "cut nth=1,3,4 times=2"),
        ] {
            assert_eq!(text.parse::<FaultRule>().unwrap().to_string(), whole, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_the_nearest_right_word() {
        for (text, wrong, nearest) in [
            ("lattency=2s", "lattency", "latency"),
            ("copy=2", "copy", "copies"),
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
            "cut outcome=approved",
            "dropped call=files.get",
            "cut call=files.get call=files.list",
            "cut rate=0.5 nth=1 rate=0.1",
            "dropped flow=technical flow=marketing",
            "copies=0",
            "unknown-event",
            "huge=much",
        ] {
            assert!(text.parse::<FaultRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_condition_that_is_said_twice_is_named() {
        let error = "cut times=1 nth=2 times=3".parse::<FaultRule>().unwrap_err().to_string();
        assert!(error.contains("`times` is said twice"), "{error}");
    }

    #[test]
    fn every_call_can_be_named() {
        for call in CALLS {
            assert!(format!("cut call={}", call.name).parse::<FaultRule>().is_ok(), "{}", call.name);
        }
    }
}
