//! Which of the calls or callbacks that a rule fits are struck: the nth ones, a share of them, so many at most.

use crate::chance;

/// When a rule strikes; the default is always.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Turn {
    /// Only these, counted from 1 among those that fit; empty is all.
    pub(crate) nth: Vec<u64>,
    /// Only this share of those that fit, by chance from the seed.
    pub(crate) rate: Option<f64>,
    /// At most so many.
    pub(crate) times: Option<u64>,
}

/// How often a rule has fitted, and how often it has struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) fitted: u64,
    pub(crate) struck: u64,
}

impl Turn {
    /// Counts one that fits, and answers whether it is struck. The same seed, rule and count give the same answer.
    pub(crate) fn strikes(&self, tally: &mut Tally, seed: u64, rule: u64) -> bool {
        tally.fitted += 1;
        let by_chance = |rate: f64| {
            let words = ["fault", &rule.to_string(), &tally.fitted.to_string()];
            chance::fraction(seed, &words) < rate
        };
        let strikes = (self.nth.is_empty() || self.nth.contains(&tally.fitted))
            && self.times.is_none_or(|times| tally.struck < times)
            && self.rate.is_none_or(by_chance);
        tally.struck += u64::from(strikes);
        strikes
    }

    /// It will never strike again.
    pub(crate) fn is_spent(&self, tally: Tally) -> bool {
        let all_counted = !self.nth.is_empty() && self.nth.iter().all(|nth| *nth <= tally.fitted);
        all_counted || self.times.is_some_and(|times| tally.struck >= times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(turn: &Turn, of: u64) -> Vec<u64> {
        let mut tally = Tally::default();
        (1..=of).filter(|_| turn.strikes(&mut tally, 5, 1)).collect()
    }

    #[test]
    fn only_the_nth_ones_and_only_so_many() {
        assert_eq!(struck(&Turn { nth: vec![2, 4], ..Turn::default() }, 5), [2, 4]);
        assert_eq!(struck(&Turn { times: Some(2), ..Turn::default() }, 5), [1, 2]);
        assert_eq!(struck(&Turn::default(), 3), [1, 2, 3]);
    }

    #[test]
    fn a_rate_chooses_a_share_and_always_the_same() {
        let turn = Turn { rate: Some(0.3), ..Turn::default() };
        let first = struck(&turn, 1000);
        assert!((240..360).contains(&first.len()), "{}", first.len());
        assert_eq!(first, struck(&turn, 1000));
        assert!(struck(&Turn { rate: Some(0.0), ..Turn::default() }, 100).is_empty());
        assert_eq!(struck(&Turn { rate: Some(1.0), ..Turn::default() }, 3), [1, 2, 3]);
    }

    #[test]
    fn a_rule_is_spent_when_it_cannot_strike_again() {
        let tally = |fitted, struck| Tally { fitted, struck };
        for (turn, tally, spent) in [
            (Turn::default(), tally(9, 9), false),
            (Turn { nth: vec![2], ..Turn::default() }, tally(1, 0), false),
            (Turn { nth: vec![2], ..Turn::default() }, tally(2, 1), true),
            (Turn { times: Some(2), ..Turn::default() }, tally(7, 1), false),
            (Turn { times: Some(2), ..Turn::default() }, tally(7, 2), true),
        ] {
            assert_eq!(turn.is_spent(tally), spent, "{turn:?} {tally:?}");
        }
    }
}
