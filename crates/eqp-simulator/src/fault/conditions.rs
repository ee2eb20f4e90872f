//! The conditions of a fault rule: they select the calls or callbacks that the fault is injected into.

use std::fmt;

use eqp_types::Flow;
use http::Method;

use super::CallMatcher;
use super::callback::CallbackMatcher;
use super::frequency::Frequency;
use crate::Error;

const CALL_CONDITIONS: [&str; 6] = ["call", "method", "path", "nth", "rate", "times"];
const CALLBACK_CONDITIONS: [&str; 7] = ["event", "flow", "status", "resource", "nth", "rate", "times"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// Parses the conditions of a rule for calls.
pub(super) fn calls(conditions: &[(&str, &str)]) -> Result<CallMatcher, Error> {
    check_once(conditions)?;
    let mut calls = CallMatcher::any();
    for (name, value) in conditions {
        match *name {
            "call" => calls.name = CallMatcher::named(value)?.name,
            "method" => {
                let method = METHODS.iter().find(|method| method.eq_ignore_ascii_case(value));
                let method = method.ok_or_else(|| Error::fault(value, "is not a method of the API", METHODS))?;
                calls.method = Method::from_bytes(method.as_bytes()).ok();
            }
            "path" => {
                let path = value.strip_prefix("/rest/v1").unwrap_or(value);
                if !path.starts_with(['/', '*']) {
                    return Err(Error::fault(value, "is not a path: a path begins with / or *", []));
                }
                calls.path = Some(path.into());
            }
            _ => frequency(&mut calls.frequency, name, value, &CALL_CONDITIONS)?,
        }
    }
    Ok(calls)
}

/// Parses the conditions of a rule for callbacks.
pub(super) fn when(conditions: &[(&str, &str)]) -> Result<CallbackMatcher, Error> {
    check_once(conditions)?;
    let mut when = CallbackMatcher::any();
    for (name, value) in conditions {
        when = match *name {
            "event" => when.event(value),
            "flow" => match Flow::from(*value) {
                Flow::Unknown(_) | Flow::Overall => {
                    return Err(Error::fault(
                        value,
                        "is not a flow of callbacks",
                        ["technical", "marketing", "malware"],
                    ));
                }
                flow => when.flow(flow),
            },
            "status" => when.status(value),
            "resource" => when.resource(*value),
            _ => {
                frequency(&mut when.frequency, name, value, &CALLBACK_CONDITIONS)?;
                when
            }
        };
    }
    Ok(when)
}

/// Rejects a condition that is given twice, because the first would be lost. The numbers of `nth` add up.
fn check_once(conditions: &[(&str, &str)]) -> Result<(), Error> {
    let mut names: Vec<_> = conditions.iter().map(|(name, _)| *name).filter(|name| *name != "nth").collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::fault(pair[0], "is given twice", [])),
        None => Ok(()),
    }
}

/// Parses a condition that both kinds of rules have.
fn frequency(frequency: &mut Frequency, name: &str, value: &str, known: &[&'static str]) -> Result<(), Error> {
    let wrong = |why: &'static str| Error::fault(&format!("{name}={value}"), why, []);
    match name {
        "nth" => {
            let numbers: Option<Vec<u64>> =
                value.split(',').map(|number| number.parse().ok().filter(|number| *number > 0)).collect();
            frequency.nth.extend(numbers.ok_or_else(|| wrong("needs numbers from 1, such as nth=2 or nth=1,3"))?);
        }
        "rate" => {
            let rate = value.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
            frequency.rate = Some(rate.ok_or_else(|| wrong("needs a fraction from 0 to 1, such as rate=0.1"))?);
        }
        "times" => {
            let times = value.parse().ok().filter(|times| *times > 0);
            frequency.times = Some(times.ok_or_else(|| wrong("needs a number from 1"))?);
        }
        other => return Err(Error::fault(other, "is not a condition of this kind of fault", known.iter().copied())),
    }
    Ok(())
}

impl fmt::Display for Frequency {
    /// Writes the conditions, each with a space before it.
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
