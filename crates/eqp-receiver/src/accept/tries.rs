//! Requests without a valid credential, counted by source: whoever sends too many is told to wait. Never with the
//! password.
//!
//! Only a refusal is ever put in the place of another: a right credential is not even looked up here, for all senders
//! may share one proxy's address. The table has a fixed size; when it is full the source with the fewest tries is
//! forgotten, which forgives it and harms nobody.
//!
//! Those who were told to wait and do not are answered at a pace, all of them together: whoever sends the next try as
//! soon as the last is refused would else take the processor from good callbacks.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::source::Source;

/// So many wrong tries at once are taken for a mistake.
const ALLOWED: f32 = 20.0;
/// So many are forgotten in a second.
const FORGOTTEN: f32 = 1.0;
/// More are not counted, so that nobody has to wait longer than half a minute.
const MOST: f32 = ALLOWED + 30.0;
/// After so long the next of those who do not wait is answered.
const PACE: Duration = Duration::from_micros(500);
/// None of them is held longer: its connection is not free meanwhile.
const MOST_HELD: Duration = Duration::from_millis(100);
/// Sources are spread over so many sets of so many places.
const SETS: usize = 512;
const PLACES: usize = 8;

/// How often each source was wrong lately.
pub(super) struct Tries {
    /// Nobody outside can know which sources share a set.
    hasher: RandomState,
    sets: Vec<[Option<Counted>; PLACES]>,
    /// When the last of those who do not wait is answered.
    answered: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Counted {
    source: Source,
    tries: f32,
    at: Instant,
}

/// What a wrong try leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    /// It is one of few.
    Few,
    /// It is the first of too many. With the time after which there are few again.
    TooManyNow(Duration),
    /// There were too many already.
    TooMany {
        /// The time after which there are few again.
        wait: Duration,
        /// How long to hold the answer back.
        hold: Duration,
    },
}

impl Counted {
    /// Its tries, less what was forgotten since.
    fn tries(&self, now: Instant) -> f32 {
        (self.tries - now.saturating_duration_since(self.at).as_secs_f32() * FORGOTTEN).max(0.0)
    }
}

impl Tries {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), sets: vec![[None; PLACES]; SETS], answered: None }
    }

    /// Counts a wrong try.
    pub(super) fn count(&mut self, source: Source, now: Instant) -> Counting {
        let set = self.set(source);
        let known = set.iter().position(|place| place.is_some_and(|counted| counted.source == source));
        let place = known.unwrap_or_else(|| {
            let weight = |place: &Option<Counted>| place.map_or(-1.0, |counted| counted.tries(now));
            let lightest = set.iter().map(weight).enumerate().min_by(|(_, one), (_, other)| one.total_cmp(other));
            lightest.map_or(0, |(place, _)| place)
        });
        let before = set[place].filter(|counted| counted.source == source).map_or(0.0, |counted| counted.tries(now));
        let tries = (before + 1.0).min(MOST);
        set[place] = Some(Counted { source, tries, at: now });
        if tries <= ALLOWED {
            return Counting::Few;
        }
        let wait = Duration::from_secs_f32(((tries - ALLOWED) / FORGOTTEN).max(1.0));
        if before <= ALLOWED { Counting::TooManyNow(wait) } else { Counting::TooMany { wait, hold: self.hold(now) } }
    }

    /// How long to hold the next answer to those who do not wait.
    fn hold(&mut self, now: Instant) -> Duration {
        let last = self.answered.map_or(now, |answered| answered.max(now));
        let answered = (last + PACE).min(now + MOST_HELD);
        self.answered = Some(answered);
        answered - now
    }

    /// Whether a source has had too many.
    pub(super) fn are_too_many(&mut self, source: Source, now: Instant) -> bool {
        self.set(source).iter().flatten().any(|counted| counted.source == source && counted.tries(now) + 1.0 > ALLOWED)
    }

    fn set(&mut self, source: Source) -> &mut [Option<Counted>; PLACES] {
        let hash = usize::try_from(self.hasher.hash_one(source) % SETS as u64).unwrap_or_default();
        &mut self.sets[hash]
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn source(number: u32) -> Source {
        IpAddr::from(Ipv4Addr::from_bits(number)).into()
    }

    #[test]
    fn too_many_at_once_have_to_wait_until_they_are_forgotten() {
        let (mut tries, start) = (Tries::new(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..20 {
            assert!(!tries.are_too_many(source(1), at(0)));
            assert_eq!(tries.count(source(1), at(0)), Counting::Few);
        }
        assert!(tries.are_too_many(source(1), at(0)) && !tries.are_too_many(source(2), at(0)));
        assert_eq!(tries.count(source(1), at(0)), Counting::TooManyNow(Duration::from_secs(1)));
        let wait = Duration::from_secs(2);
        assert_eq!(tries.count(source(1), at(0)), Counting::TooMany { wait, hold: PACE });
        assert_eq!(tries.count(source(2), at(0)), Counting::Few, "another source");
        for _ in 0..10_000 {
            tries.count(source(1), at(0));
        }
        let wait = Duration::from_secs(30);
        assert_eq!(tries.count(source(1), at(0)), Counting::TooMany { wait, hold: MOST_HELD }, "and no longer");
        assert_eq!(tries.count(source(1), at(40)), Counting::Few);
    }

    #[test]
    fn those_who_do_not_wait_are_answered_at_a_pace_all_together() {
        let (mut tries, start) = (Tries::new(), Instant::now());
        let mut hold = |number, millis| {
            let mut counted = Counting::Few;
            while !matches!(counted, Counting::TooMany { .. }) {
                counted = tries.count(source(number), start + Duration::from_millis(millis));
            }
            let Counting::TooMany { hold, .. } = counted else { return None };
            Some(hold)
        };
        assert_eq!(hold(1, 0), Some(PACE));
        assert_eq!(hold(1, 0), Some(PACE * 2));
        assert_eq!(hold(2, 0), Some(PACE * 3), "whoever it is");
        assert_eq!(hold(2, 1), Some(PACE * 2), "less what has passed");
        assert_eq!(hold(1, 1_000), Some(PACE), "and nothing is saved up");
    }

    #[test]
    fn many_sources_take_no_more_room_and_do_not_push_out_the_worst() {
        let (mut tries, now) = (Tries::new(), Instant::now());
        for _ in 0..100 {
            tries.count(source(7), now);
        }
        for number in 100..100_100 {
            tries.count(source(number), now);
        }
        assert!(tries.are_too_many(source(7), now));
        assert_eq!(tries.sets.len() * PLACES, 4096);
    }
}
