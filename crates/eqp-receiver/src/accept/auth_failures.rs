//! Limits failed authentication per source.
//!
//! A source with too many failures is answered 429 instead of 401. Valid credentials are never looked up here, because all
//! senders may share the address of one proxy. The table has a fixed size. When a set is full, the source with the fewest
//! failures is forgotten.
//!
//! Sources that ignore the 429 are answered at a fixed rate, all of them together. Otherwise a client that sends the
//! next request as soon as the last one was rejected would take processor time from valid callbacks.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use eqp_tls::Source;

/// The number of failures that a source may have in a burst, for example with a mistyped password or after a rotation.
const BURST: f32 = 20.0;
/// The number of failures per second that are forgotten again.
const FORGIVEN_PER_SECOND: f32 = 1.0;
/// The maximum number of counted failures, so that no source is limited for longer than half a minute.
const MAX_FAILURES: f32 = BURST + 30.0;
/// The time between two responses to sources that ignore the limit.
const TARPIT_INTERVAL: Duration = Duration::from_micros(500);
/// The maximum delay of a response. A longer one would occupy the connection's slot for too long.
const MAX_TARPIT_DELAY: Duration = Duration::from_millis(100);
/// The table is a set-associative cache: a source can only be in one of the sets, so a lookup reads eight entries.
const SETS: usize = 512;
const SET_SIZE: usize = 8;

/// The recent authentication failures of each source.
pub(super) struct AuthFailureLimiter {
    /// Seeded randomly, so that an attacker cannot know which sources share a set.
    hasher: RandomState,
    sets: Vec<[Option<SourceFailures>; SET_SIZE]>,
    /// The time at which the last delayed response is due.
    last_answer: Option<Instant>,
}

#[derive(Clone, Copy)]
struct SourceFailures {
    source: Source,
    failures: f32,
    at: Instant,
}

/// The decision how to answer a request without a valid credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The source is within its limit.
    Allowed,
    /// This failure is the first above the limit. The source is allowed again after this time.
    LimitReached(Duration),
    /// The source was above the limit already.
    Limited {
        /// The source is allowed again after this time.
        wait: Duration,
        /// The delay of the response.
        delay: Duration,
    },
}

impl SourceFailures {
    /// Returns the number of failures that are not forgotten yet.
    fn remaining(&self, now: Instant) -> f32 {
        (self.failures - now.saturating_duration_since(self.at).as_secs_f32() * FORGIVEN_PER_SECOND).max(0.0)
    }
}

impl AuthFailureLimiter {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), sets: vec![[None; SET_SIZE]; SETS], last_answer: None }
    }

    /// Counts a failure.
    pub(super) fn count(&mut self, source: Source, now: Instant) -> Decision {
        let set = self.set(source);
        let known = set.iter().position(|entry| entry.is_some_and(|entry| entry.source == source));
        let at = known.unwrap_or_else(|| {
            let weight = |entry: &Option<SourceFailures>| entry.map_or(-1.0, |entry| entry.remaining(now));
            let lightest = set.iter().map(weight).enumerate().min_by(|(_, one), (_, other)| one.total_cmp(other));
            lightest.expect("a set is not empty").0
        });
        let before = set[at].filter(|entry| entry.source == source).map_or(0.0, |entry| entry.remaining(now));
        let failures = (before + 1.0).min(MAX_FAILURES);
        set[at] = Some(SourceFailures { source, failures, at: now });
        if failures <= BURST {
            return Decision::Allowed;
        }
        let wait = Duration::from_secs_f32(((failures - BURST) / FORGIVEN_PER_SECOND).max(1.0));
        if before <= BURST {
            Decision::LimitReached(wait)
        } else {
            Decision::Limited { wait, delay: self.tarpit_delay(now) }
        }
    }

    /// Returns the delay of the next response to a source that ignores its limit.
    fn tarpit_delay(&mut self, now: Instant) -> Duration {
        let last = self.last_answer.map_or(now, |last| last.max(now));
        let answer = (last + TARPIT_INTERVAL).min(now + MAX_TARPIT_DELAY);
        self.last_answer = Some(answer);
        answer - now
    }

    /// Returns whether a source has reached its limit.
    pub(super) fn is_limited(&mut self, source: Source, now: Instant) -> bool {
        self.set(source).iter().flatten().any(|entry| entry.source == source && entry.remaining(now) + 1.0 > BURST)
    }

    fn set(&mut self, source: Source) -> &mut [Option<SourceFailures>; SET_SIZE] {
        let set = usize::try_from(self.hasher.hash_one(source) % SETS as u64).expect("the number of sets is a usize");
        &mut self.sets[set]
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
    fn a_source_with_too_many_failures_is_limited_until_they_are_forgiven() {
        let (mut limiter, start) = (AuthFailureLimiter::new(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..20 {
            assert!(!limiter.is_limited(source(1), at(0)));
            assert_eq!(limiter.count(source(1), at(0)), Decision::Allowed);
        }
        assert!(limiter.is_limited(source(1), at(0)) && !limiter.is_limited(source(2), at(0)));
        assert_eq!(limiter.count(source(1), at(0)), Decision::LimitReached(Duration::from_secs(1)));
        let wait = Duration::from_secs(2);
        assert_eq!(limiter.count(source(1), at(0)), Decision::Limited { wait, delay: TARPIT_INTERVAL });
        assert_eq!(limiter.count(source(2), at(0)), Decision::Allowed, "another source");
        for _ in 0..10_000 {
            limiter.count(source(1), at(0));
        }
        let wait = Duration::from_secs(30);
        assert_eq!(
            limiter.count(source(1), at(0)),
            Decision::Limited { wait, delay: MAX_TARPIT_DELAY },
            "the wait and the delay are limited"
        );
        assert_eq!(limiter.count(source(1), at(40)), Decision::Allowed);
    }

    #[test]
    fn sources_that_ignore_the_limit_share_one_fixed_rate() {
        let (mut limiter, start) = (AuthFailureLimiter::new(), Instant::now());
        let mut delay = |number, millis| {
            let mut decision = Decision::Allowed;
            while !matches!(decision, Decision::Limited { .. }) {
                decision = limiter.count(source(number), start + Duration::from_millis(millis));
            }
            let Decision::Limited { delay, .. } = decision else { return None };
            Some(delay)
        };
        assert_eq!(delay(1, 0), Some(TARPIT_INTERVAL));
        assert_eq!(delay(1, 0), Some(TARPIT_INTERVAL * 2));
        assert_eq!(delay(2, 0), Some(TARPIT_INTERVAL * 3), "for any source");
        assert_eq!(delay(2, 1), Some(TARPIT_INTERVAL * 2), "less the time that has passed");
        assert_eq!(delay(1, 1_000), Some(TARPIT_INTERVAL), "unused time is not saved up");
    }

    #[test]
    fn many_sources_need_no_more_memory_and_do_not_displace_the_worst_one() {
        let (mut limiter, now) = (AuthFailureLimiter::new(), Instant::now());
        for _ in 0..100 {
            limiter.count(source(7), now);
        }
        for number in 100..100_100 {
            limiter.count(source(number), now);
        }
        assert!(limiter.is_limited(source(7), now));
        assert_eq!(limiter.sets.len() * SET_SIZE, 4096);
    }
}
