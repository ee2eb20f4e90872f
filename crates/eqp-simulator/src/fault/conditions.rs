//! With which calls or callbacks it goes wrong, as the other words of a rule say it.

use std::fmt;

use eqp_types::Flow;
use http::Method;

use super::Calls;
use super::turn::Turn;
use crate::Error;
use crate::script::When;

const CALL_CONDITIONS: [&str; 6] = ["call", "method", "path", "nth", "rate", "times"];
const CALLBACK_CONDITIONS: [&str; 7] = ["event", "flow", "outcome", "subject", "nth", "rate", "times"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// The conditions of a rule for calls.
pub(super) fn calls(conditions: &[(&str, &str)]) -> Result<Calls, Error> {
    said_once(conditions)?;
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

/// The conditions of a rule for callbacks.
pub(super) fn when(conditions: &[(&str, &str)]) -> Result<When, Error> {
    said_once(conditions)?;
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

/// A condition said twice would silently lose the first; numbers of calls add up.
fn said_once(conditions: &[(&str, &str)]) -> Result<(), Error> {
    let mut names: Vec<_> = conditions.iter().map(|(name, _)| *name).filter(|name| *name != "nth").collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::fault(pair[0], "is said twice", [])),
        None => Ok(()),
    }
}

/// Reads a condition of both kinds of rules.
fn turn(turn: &mut Turn, name: &str, value: &str, known: &[&'static str]) -> Result<(), Error> {
    let wrong = |why: &'static str| Error::fault(&format!("{name}={value}"), why, []);
    match name {
        "nth" => {
            let numbers: Option<Vec<u64>> =
                value.split(',').map(|number| number.parse().ok().filter(|number| *number > 0)).collect();
            turn.nth.extend(numbers.ok_or_else(|| wrong("needs numbers from 1, such as nth=2 or nth=1,3"))?);
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
