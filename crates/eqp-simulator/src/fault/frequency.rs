//! The frequency of a fault: into which of the matching calls or callbacks it is injected.

use crate::rng;

/// The frequency of a fault, which is injected into every match by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frequency {
    /// The indexes (from 1) of the matches to affect; empty means all.
    pub(crate) nth: Vec<u64>,
    /// The share of matches to affect, chosen at random from the seed.
    pub(crate) rate: Option<f64>,
    /// The maximum number of matches to affect.
    pub(crate) times: Option<u64>,
}

/// The number of calls or callbacks that matched a rule, and of those into which its fault was injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) matched: u64,
    pub(crate) injected: u64,
}

impl Frequency {
    /// Counts a match and returns whether the fault is injected. The same seed, rule and count give the same result.
    pub(crate) fn applies(&self, counters: &mut Counters, seed: u64, rule: u64) -> bool {
        counters.matched += 1;
        let is_chosen = |rate: f64| {
            let labels = ["fault", &rule.to_string(), &counters.matched.to_string()];
            rng::fraction(seed, &labels) < rate
        };
        let applies = (self.nth.is_empty() || self.nth.contains(&counters.matched))
            && self.times.is_none_or(|times| counters.injected < times)
            && self.rate.is_none_or(is_chosen);
        counters.injected += u64::from(applies);
        applies
    }

    /// Returns whether the fault is never injected again.
    pub(crate) fn is_spent(&self, counters: Counters) -> bool {
        let all_counted = !self.nth.is_empty() && self.nth.iter().all(|nth| *nth <= counters.matched);
        all_counted || self.times.is_some_and(|times| counters.injected >= times)
    }
}

/// The setters that matchers of calls and of callbacks have in common, for their field `frequency`.
macro_rules! frequency_setters {
    () => {
        /// Matches only the `nth` of those that the other conditions match, counted from 1; can be set several times.
        #[must_use]
        pub fn nth(mut self, nth: u64) -> Self {
            self.frequency.nth.push(nth);
            self
        }

        /// Matches only this share (0 to 1) of those that the other conditions match, at random from the seed.
        #[must_use]
        pub fn rate(mut self, rate: f64) -> Self {
            self.frequency.rate = Some(rate);
            self
        }

        /// Matches at most this number of calls or callbacks.
        #[must_use]
        pub fn times(mut self, times: u64) -> Self {
            self.frequency.times = Some(times);
            self
        }
    };
}

pub(super) use frequency_setters;

#[cfg(test)]
mod tests {
    use super::*;

    fn injected(frequency: &Frequency, of: u64) -> Vec<u64> {
        let mut counters = Counters::default();
        (1..=of).filter(|_| frequency.applies(&mut counters, 5, 1)).collect()
    }

    #[test]
    fn only_the_nth_ones_and_at_most_a_number() {
        assert_eq!(injected(&Frequency { nth: vec![2, 4], ..Frequency::default() }, 5), [2, 4]);
        assert_eq!(injected(&Frequency { times: Some(2), ..Frequency::default() }, 5), [1, 2]);
        assert_eq!(injected(&Frequency::default(), 3), [1, 2, 3]);
    }

    #[test]
    fn a_rate_chooses_a_share_and_always_the_same() {
        let frequency = Frequency { rate: Some(0.3), ..Frequency::default() };
        let first = injected(&frequency, 1000);
        assert!((240..360).contains(&first.len()), "{}", first.len());
        assert_eq!(first, injected(&frequency, 1000));
        assert!(injected(&Frequency { rate: Some(0.0), ..Frequency::default() }, 100).is_empty());
        assert_eq!(injected(&Frequency { rate: Some(1.0), ..Frequency::default() }, 3), [1, 2, 3]);
    }

    #[test]
    fn a_rule_is_spent_when_it_cannot_apply_again() {
        let counters = |matched, injected| Counters { matched, injected };
        for (frequency, counters, spent) in [
            (Frequency::default(), counters(9, 9), false),
            (Frequency { nth: vec![2], ..Frequency::default() }, counters(1, 0), false),
            (Frequency { nth: vec![2], ..Frequency::default() }, counters(2, 1), true),
            (Frequency { times: Some(2), ..Frequency::default() }, counters(7, 1), false),
            (Frequency { times: Some(2), ..Frequency::default() }, counters(7, 2), true),
        ] {
            assert_eq!(frequency.is_spent(counters), spent, "{frequency:?} {counters:?}");
        }
    }
}
