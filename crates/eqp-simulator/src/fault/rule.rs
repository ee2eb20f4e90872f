//! A rule as one line of text, the same on the command line and in the control API:
//! `WHAT [CONDITION…]`, words apart by spaces, such as `status=503,html call=packages.list nth=2`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use eqp_types::Flow;
use http::Method;

use super::turn::Turn;
use super::words::{duration, size};
use super::{Calls, Fault, FaultBody};
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

const CALL_FAULTS: [&str; 11] = [
    "latency",
    "dead-token",
    "too-many-requests",
    "status",
    "html",
    "wrong-shape",
    "cut",
    "cut-body",
    "answer-lost",
    "huge",
    "endless",
];
const CALLBACK_FAULTS: [&str; 7] =
    ["copies", "late", "dropped", "swapped", "first-form", "unknown-event", "unknown-fields"];
const CALL_CONDITIONS: [&str; 6] = ["call", "method", "path", "nth", "rate", "times"];
const CALLBACK_CONDITIONS: [&str; 7] = ["event", "flow", "outcome", "subject", "nth", "rate", "times"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// What is too large, unless it says how large.
const HUGE: u64 = 100_000_000;
/// The wait of `too-many-requests`, unless it says how long.
const AFTER: Duration = Duration::from_secs(1);

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

fn fault(name: &str, value: Option<&str>) -> Result<Fault, Error> {
    let wrong = |why: &'static str| Error::fault(&format!("{name}={}", value.unwrap_or_default()), why, []);
    let none = |fault: Fault| if value.is_none() { Ok(fault) } else { Err(wrong("takes no value")) };
    let text = value.unwrap_or_default();
    match name {
        "latency" => duration(text).map(Fault::Latency).ok_or_else(|| wrong("needs a length such as 250ms, 2s or 5m")),
        "dead-token" => none(Fault::DeadToken),
        "too-many-requests" => {
            let (length, as_date) = match text.strip_suffix(",date") {
                Some(length) => (length, true),
                None => (text, false),
            };
            let after = if value.is_none() { Some(AFTER) } else { duration(length) };
            let after = after.ok_or_else(|| wrong("is written like too-many-requests=30s or …=30s,date"))?;
            Ok(Fault::TooManyRequests { after, as_date })
        }
        "status" => {
            let (status, body) = text.split_once(',').unwrap_or((text, "json"));
            let status = status.parse().ok().filter(|status| (400..=599).contains(status));
            let status = status.ok_or_else(|| wrong("needs an HTTP status from 400 to 599"))?;
            let body = match body {
                "json" => FaultBody::Json,
                "html" => FaultBody::Html,
                "empty" => FaultBody::Empty,
                other => return Err(Error::fault(other, "is no kind of body", ["json", "html", "empty"])),
            };
            Ok(Fault::Status { status, body })
        }
        "html" => none(Fault::Html),
        "wrong-shape" => none(Fault::WrongShape),
        "cut" => none(Fault::Cut),
        "cut-body" => none(Fault::CutBody),
        "answer-lost" => none(Fault::AnswerLost),
        "huge" => {
            let bytes = if value.is_none() { Some(HUGE) } else { size(text) };
            bytes.map(Fault::Huge).ok_or_else(|| wrong("needs a size such as 64KB or 100MB"))
        }
        _ => none(Fault::Endless),
    }
}

fn mischief(name: &str, value: Option<&str>) -> Result<Mischief, Error> {
    let wrong = |why: &'static str| Error::fault(&format!("{name}={}", value.unwrap_or_default()), why, []);
    let none = |mischief: Mischief| if value.is_none() { Ok(mischief) } else { Err(wrong("takes no value")) };
    let text = value.unwrap_or_default();
    match name {
        "copies" => {
            let copies = if value.is_none() { Some(1) } else { text.parse().ok().filter(|n| (1..=100).contains(n)) };
            copies.map(Mischief::Copies).ok_or_else(|| wrong("needs a number from 1 to 100"))
        }
        "late" => {
            duration(text).map(Mischief::Late).ok_or_else(|| wrong("needs a length such as 75s, in simulated time"))
        }
        "dropped" => none(Mischief::Dropped),
        "swapped" => none(Mischief::Swapped),
        "first-form" => none(Mischief::FirstForm),
        "unknown-event" if !text.is_empty() => Ok(Mischief::AlsoUnknown(text.to_owned())),
        "unknown-event" => Err(wrong("needs an event code, such as unknown-event=listing_translated")),
        _ => none(Mischief::ExtraFields),
    }
}

fn calls(conditions: &[(&str, &str)]) -> Result<Calls, Error> {
    let mut calls = Calls::any();
    for (name, value) in conditions {
        match *name {
            "call" => calls.name = Calls::named(value)?.name,
            "method" => {
                let method = METHODS.iter().find(|method| method.eq_ignore_ascii_case(value));
                let method = method.ok_or_else(|| Error::fault(value, "is no method of the API", METHODS))?;
                calls.method = Method::from_bytes(method.as_bytes()).ok();
            }
            "path" => {
                let path = value.strip_prefix("/rest/v1").unwrap_or(value);
                if !path.starts_with(['/', '*']) {
                    return Err(Error::fault(value, "is no path: it begins with / or *", []));
                }
                calls.path = Some(path.into());
            }
            _ => turn(&mut calls.turn, name, value, &CALL_CONDITIONS)?,
        }
    }
    Ok(calls)
}

fn when(conditions: &[(&str, &str)]) -> Result<When, Error> {
    let mut when = When::any();
    for (name, value) in conditions {
        when = match *name {
            "event" => when.event(value),
            "flow" => match Flow::from(*value) {
                Flow::Unknown(_) | Flow::Overall => {
                    return Err(Error::fault(value, "is no flow of callbacks", ["technical", "marketing", "malware"]));
                }
                flow => when.flow(flow),
            },
            "outcome" => when.outcome(value),
            "subject" => when.subject(*value),
            _ => {
                turn(&mut when.turn, name, value, &CALLBACK_CONDITIONS)?;
                when
            }
        };
    }
    Ok(when)
}

/// Reads a condition of both kinds of rules.
fn turn(turn: &mut Turn, name: &str, value: &str, known: &[&'static str]) -> Result<(), Error> {
    let wrong = |why: &'static str| Error::fault(&format!("{name}={value}"), why, []);
    match name {
        "nth" => {
            let numbers: Option<Vec<u64>> =
                value.split(',').map(|number| number.parse().ok().filter(|number| *number > 0)).collect();
            turn.nth = numbers.ok_or_else(|| wrong("needs numbers from 1, such as nth=2 or nth=1,3"))?;
        }
        "rate" => {
            let rate = value.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
            turn.rate = Some(rate.ok_or_else(|| wrong("needs a share from 0 to 1, such as rate=0.1"))?);
        }
        "times" => {
            let times = value.parse().ok().filter(|times| *times > 0);
            turn.times = Some(times.ok_or_else(|| wrong("needs a number from 1"))?);
        }
        other => return Err(Error::fault(other, "is no condition of such a fault", known.iter().copied())),
    }
    Ok(())
}

impl fmt::Display for Turn {
    /// The conditions as words, each with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.nth.is_empty() {
            let numbers: Vec<_> = self.nth.iter().map(ToString::to_string).collect();
            write!(f, " nth={}", numbers.join(","))?;
        }
        if let Some(rate) = self.rate {
            write!(f, " rate={rate}")?;
        }
        if let Some(times) = self.times {
            write!(f, " times={times}")?;
        }
        Ok(())
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
            "copies=0",
            "unknown-event",
            "huge=much",
        ] {
            assert!(text.parse::<FaultRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_call_can_be_named() {
        for call in CALLS {
            assert!(format!("cut call={}", call.name).parse::<FaultRule>().is_ok(), "{}", call.name);
        }
    }
}
