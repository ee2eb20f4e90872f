//! Performance targets, and the figures that were measured for them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Whether a figure should be at least or at most its floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// A performance target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    pub(crate) id: &'static str,
    /// The description with its unit.
    pub(crate) what: &'static str,
    pub(crate) better: Better,
    /// The floor that must be met.
    pub(crate) floor: f64,
    /// The aim.
    pub(crate) aim: f64,
}

impl Promise {
    pub(crate) const fn at_least(id: &'static str, floor: f64, aim: f64, what: &'static str) -> Self {
        Self { id, what, better: Better::Higher, floor, aim }
    }

    pub(crate) const fn at_most(id: &'static str, floor: f64, aim: f64, what: &'static str) -> Self {
        Self { id, what, better: Better::Lower, floor, aim }
    }

    pub(crate) fn sign(&self) -> &'static str {
        match self.better {
            Better::Higher => "≥",
            Better::Lower => "≤",
        }
    }

    fn holds(&self, value: f64, bound: f64) -> bool {
        match self.better {
            Better::Higher => value >= bound,
            Better::Lower => value <= bound,
        }
    }
}

/// The result of a measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measurement {
    /// One value for each round.
    Rounds(Vec<f64>),
    /// The measurement needs something that this machine does not have.
    NotRun(String),
    /// The measurement failed, or its result was wrong.
    Failed(String),
}

/// A performance target with its measured value.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) promise: &'static Promise,
    pub(crate) found: Measurement,
}

impl Figure {
    pub(crate) fn median(&self) -> Option<f64> {
        match &self.found {
            Measurement::Rounds(rounds) if !rounds.is_empty() => Some(median(rounds)),
            _ => None,
        }
    }

    /// Returns whether the floor is met; `None` if there is no measurement.
    pub(crate) fn met(&self) -> Option<bool> {
        match &self.found {
            Measurement::NotRun(_) => None,
            _ => Some(self.median().is_some_and(|median| self.promise.holds(median, self.promise.floor))),
        }
    }

    /// Returns the result in one word.
    pub(crate) fn verdict(&self) -> &'static str {
        match (self.met(), self.median()) {
            (None, _) => "not run",
            (Some(true), Some(median)) if self.promise.holds(median, self.promise.aim) => "aim reached",
            (Some(true), _) => "met",
            (Some(false), Some(_)) => "MISSED",
            (Some(false), None) => "FAILED",
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut object = json!({
            "median": self.median().map(rounded),
            "rounds": [],
            "floor": self.promise.floor,
            "aim": self.promise.aim,
            "met": self.met(),
        });
        match &self.found {
            Measurement::Rounds(rounds) => object["rounds"] = rounds.iter().copied().map(rounded).collect(),
            Measurement::NotRun(reason) => object["not_run"] = json!(reason),
            Measurement::Failed(reason) => object["failed"] = json!(reason),
        }
        object
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Promise { id, floor, aim, .. } = self.promise;
        let (sign, verdict) = (self.promise.sign(), self.verdict());
        match &self.found {
            Measurement::Rounds(rounds) => {
                let median = shown(median(rounds));
                write!(f, "{id}: {median} (floor {sign} {floor}, aim {aim}): {verdict}")
            }
            Measurement::NotRun(reason) | Measurement::Failed(reason) => write!(f, "{id}: {verdict}: {reason}"),
        }
    }
}

/// Returns the median; the mean of the middle two for an even number. No value may be NaN.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// Formats a value with its significant digits.
pub(crate) fn shown(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    static HIGHER: Promise = Promise::at_least("x", 4.0, 5.5, "");
    static LOWER: Promise = Promise::at_most("x", 4.0, 2.0, "");

    fn figure(promise: &'static Promise, rounds: &[f64]) -> Figure {
        Figure { promise, found: Measurement::Rounds(rounds.to_vec()) }
    }

    #[test]
    fn a_figure_is_met_on_the_good_side_of_its_floor() {
        for (promise, rounds, met, verdict) in [
            (&HIGHER, &[3.0, 4.0, 9.0][..], Some(true), "met"),
            (&HIGHER, &[3.0, 3.9, 9.0], Some(false), "MISSED"),
            (&HIGHER, &[5.5], Some(true), "aim reached"),
            (&LOWER, &[3.0, 9.0, 4.0], Some(true), "met"),
            (&LOWER, &[1.0, 9.0, 2.0], Some(true), "aim reached"),
            (&LOWER, &[], Some(false), "FAILED"),
            (&HIGHER, &[f64::NAN], Some(false), "MISSED"),
        ] {
            let figure = figure(promise, rounds);
            assert_eq!((figure.met(), figure.verdict()), (met, verdict), "{rounds:?}");
        }
        assert_eq!(figure(&HIGHER, &[3.0, 5.0]).to_json()["median"], 4.0);
    }

    #[test]
    fn what_did_not_run_is_neither_met_nor_missed_and_what_failed_is_missed() {
        let of = |found| Figure { promise: &HIGHER, found }.to_json();
        let not_run = of(Measurement::NotRun("no node".into()));
        assert_eq!((&not_run["met"], &not_run["not_run"]), (&Value::Null, &json!("no node")));
        assert_eq!(of(Measurement::Failed("lost one".into()))["met"], false);
    }
}
