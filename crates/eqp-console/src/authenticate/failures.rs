//! Limits failed authentication per source.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use eqp_tls::Source;
use tokio::time::Instant;

/// The number of failures that a source may have per period.
const ALLOWED: u32 = 20;
/// The period.
const PERIOD: Duration = Duration::from_mins(1);
/// The maximum number of sources that are remembered. The listener has fewer connections.
const MAX_SOURCES: usize = 4_096;

/// The failures of each source in its current period.
#[derive(Debug, Default)]
pub(super) struct FailureLimiter(Mutex<HashMap<Source, (Instant, u32)>>);

impl FailureLimiter {
    /// Counts a failure at this time. Returns the time until the end of the period if the source has had too many.
    pub(super) fn count(&self, source: Source, now: Instant) -> Option<Duration> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= MAX_SOURCES && !sources.contains_key(&source) {
            sources.retain(|_, (began, _)| now.duration_since(*began) < PERIOD);
            if sources.len() >= MAX_SOURCES {
                // So many sources at once are an attack; all of them are limited.
                return Some(PERIOD);
            }
        }
        let (began, failures) = sources.entry(source).or_insert((now, 0));
        if now.duration_since(*began) >= PERIOD {
            (*began, *failures) = (now, 0);
        }
        *failures = failures.saturating_add(1);
        (*failures > ALLOWED).then(|| PERIOD.saturating_sub(now.duration_since(*began)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn source(number: u32) -> Source {
        Source::from(std::net::IpAddr::from(Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn a_source_is_limited_until_its_period_ends() {
        let (limiter, now) = (FailureLimiter::default(), Instant::now());
        assert!((0..ALLOWED).all(|_| limiter.count(source(1), now).is_none()));
        assert_eq!(limiter.count(source(1), now), Some(PERIOD));
        assert_eq!(limiter.count(source(2), now), None);
        assert_eq!(limiter.count(source(1), now + PERIOD), None);
    }

    #[test]
    fn the_number_of_sources_is_bounded() {
        let (limiter, now) = (FailureLimiter::default(), Instant::now());
        let limit = u32::try_from(MAX_SOURCES).unwrap();
        assert!((0..limit).all(|number| limiter.count(source(number), now).is_none()));
        assert_eq!(limiter.count(source(limit), now), Some(PERIOD));
        assert_eq!(limiter.count(source(limit), now + PERIOD), None);
    }
}
