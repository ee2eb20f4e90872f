//! One promised figure with its measured rounds.

use serde_json::{Value, json};

/// Which side of the floor is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    Higher,
    Lower,
}

/// A ratio, as the list of promises names it.
pub(super) struct Figure {
    pub(super) id: &'static str,
    pub(super) better: Better,
    pub(super) floor: f64,
    pub(super) aim: f64,
    pub(super) rounds: Vec<f64>,
}

impl Figure {
    pub(super) fn met(&self) -> bool {
        match self.better {
            Better::Higher => median(&self.rounds) >= self.floor,
            Better::Lower => median(&self.rounds) <= self.floor,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "median": round(median(&self.rounds)),
            "rounds": self.rounds.iter().copied().map(round).collect::<Vec<_>>(),
            "floor": self.floor,
            "aim": self.aim,
            "met": self.met(),
        })
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, verdict) = match (self.better, self.met()) {
            (Better::Higher, met) => (">=", met),
            (Better::Lower, met) => ("<=", met),
        };
        write!(
            f,
            "{}: {:.2} (floor {sign} {}, aim {}): {}",
            self.id,
            median(&self.rounds),
            self.floor,
            self.aim,
            if verdict { "met" } else { "MISSED" }
        )
    }
}

/// The middle value; of an even number the mean of the middle two. None is NaN.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_met_on_the_good_side_of_its_floor() {
        let figure = |better, rounds: &[f64]| Figure { id: "x", better, floor: 4.0, aim: 5.5, rounds: rounds.to_vec() };
        assert!(figure(Better::Higher, &[3.0, 4.0, 9.0]).met());
        assert!(!figure(Better::Higher, &[3.0, 3.9, 9.0]).met());
        assert!(figure(Better::Lower, &[3.0, 9.0, 4.0]).met());
        assert!(!figure(Better::Lower, &[]).met() && !figure(Better::Higher, &[]).met());
        assert_eq!(figure(Better::Higher, &[3.0, 5.0]).to_json()["median"], 4.0);
    }
}
