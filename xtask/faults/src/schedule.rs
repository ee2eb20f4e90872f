//! The schedule of a round's faults, which depends only on the seed and the number of the round.

use std::time::Duration;

use crate::fault::Kind;

/// A scheduled fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) kind: Kind,
    /// The delay from the start of the round.
    pub(crate) after: Duration,
    /// The duration of the fault, if it has one.
    pub(crate) lasts: Duration,
    /// The receiver that is affected, for faults of one receiver.
    pub(crate) victim: usize,
    /// The variant of the fault, for faults with variants.
    pub(crate) variant: u8,
}

/// The number of different faults in each of the first rounds, until every fault was scheduled once.
const DEALT: usize = 2;

/// Returns the faults of a round, in the order of time.
///
/// Faults that this machine does not support are scheduled too, so that a seed gives the same schedule everywhere.
pub(crate) fn plan(seed: u64, round: u32) -> Vec<Planned> {
    let mut kinds = dealt(seed, round);
    let mut rng = fastrand::Rng::with_seed(mixed(seed) ^ u64::from(round));
    let count = kinds.len().max(1) + rng.usize(..3);
    while kinds.len() < count.min(3) {
        let another = Kind::ALL[rng.usize(..Kind::ALL.len())];
        if !kinds.contains(&another) {
            kinds.push(another);
        }
    }
    let mut planned: Vec<_> = kinds
        .into_iter()
        .map(|kind| Planned {
            kind,
            after: Duration::from_millis(rng.u64(100..1000)),
            lasts: Duration::from_millis(rng.u64(50..1200)),
            victim: rng.usize(..2),
            variant: rng.u8(..),
        })
        .collect();
    planned.sort_by_key(|planned| planned.after);
    planned
}

/// Returns the round's share of all kinds, which are shuffled and distributed over the first rounds.
fn dealt(seed: u64, round: u32) -> Vec<Kind> {
    let mut kinds = Kind::ALL.to_vec();
    fastrand::Rng::with_seed(mixed(seed)).shuffle(&mut kinds);
    let before = usize::try_from(round).unwrap_or(usize::MAX).saturating_sub(1).saturating_mul(DEALT);
    kinds.into_iter().skip(before).take(DEALT).collect()
}

/// Mixes a seed, so that consecutive seeds give unrelated schedules.
fn mixed(seed: u64) -> u64 {
    seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_reproducible() {
        for round in 1..100 {
            assert_eq!(plan(7, round), plan(7, round));
        }
        let of = |seed| (1..20).map(|round| plan(seed, round)).collect::<Vec<_>>();
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn every_kind_comes_though_there_are_few_rounds() {
        for seed in 0..50 {
            let planned: Vec<_> = (1..=10).flat_map(|round| plan(seed, round)).map(|planned| planned.kind).collect();
            for kind in Kind::ALL {
                assert!(planned.contains(kind), "{kind:?} with seed {seed}");
            }
        }
    }

    #[test]
    fn one_two_or_three_go_wrong_at_once_and_never_the_same() {
        let counts: Vec<_> = (1..200).map(|round| plan(3, round).len()).collect();
        assert!((1..=3).all(|count| counts.contains(&count)) && counts.iter().all(|count| (1..=3).contains(count)));
        for round in 1..200 {
            let mut kinds: Vec<_> = plan(3, round).into_iter().map(|planned| planned.kind.name()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            assert_eq!(kinds.len(), plan(3, round).len());
        }
    }
}
