//! What is promised, and what was found of it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which side of the floor is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// One line of the list of promises.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    pub(crate) id: &'static str,
    /// In words, with its unit.
    pub(crate) what: &'static str,
    pub(crate) better: Better,
    /// What must hold.
    pub(crate) floor: f64,
    /// What is worked for.
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

/// What came of measuring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Found {
    /// One value for each round.
    Rounds(Vec<f64>),
    /// Something that is needed is not on this machine.
    NotRun(String),
    /// It could not be measured, or what was measured was wrong.
    Failed(String),
}

/// A promise with what was found.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) promise: &'static Promise,
    pub(crate) found: Found,
}

impl Figure {
    pub(crate) fn median(&self) -> Option<f64> {
        match &self.found {
            Found::Rounds(rounds) if !rounds.is_empty() => Some(median(rounds)),
            _ => None,
        }
    }

    /// Whether the floor holds; none where it could not be asked.
    pub(crate) fn met(&self) -> Option<bool> {
        match &self.found {
            Found::NotRun(_) => None,
            _ => Some(self.median().is_some_and(|median| self.promise.holds(median, self.promise.floor))),
        }
    }

    /// In one word.
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
            Found::Rounds(rounds) => object["rounds"] = rounds.iter().copied().map(rounded).collect(),
            Found::NotRun(reason) => object["not_run"] = json!(reason),
            Found::Failed(reason) => object["failed"] = json!(reason),
        }
        object
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Promise { id, floor, aim, .. } = self.promise;
        let (sign, verdict) = (self.promise.sign(), self.verdict());
        match &self.found {
            Found::Rounds(rounds) => {
                let median = shown(median(rounds));
                write!(f, "{id}: {median} (floor {sign} {floor}, aim {aim}): {verdict}")
            }
            Found::NotRun(reason) | Found::Failed(reason) => write!(f, "{id}: {verdict}: {reason}"),
        }
    }
}

/// The middle value; of an even number the mean of the middle two. None is NaN.
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

/// As many digits as tell something.
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
        Figure { promise, found: Found::Rounds(rounds.to_vec()) }
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
        let not_run = of(Found::NotRun("no node".into()));
        assert_eq!((&not_run["met"], &not_run["not_run"]), (&Value::Null, &json!("no node")));
        assert_eq!(of(Found::Failed("lost one".into()))["met"], false);
    }
}
