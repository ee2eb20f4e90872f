//! Decides when the Marketplace is queried again during a wait: after growing intervals, and after transient failures.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use eqp_client::Error;

/// The first interval, after which a fast scan has ended.
const INITIAL: Duration = Duration::from_millis(100);

/// Intervals that double up to a maximum.
#[derive(Debug)]
pub(crate) struct PollingInterval {
    builder: ExponentialBuilder,
    intervals: ExponentialBackoff,
}

impl PollingInterval {
    /// Starts with intervals of at most `max`.
    pub(crate) fn with_max(max: Duration) -> Self {
        let builder =
            ExponentialBuilder::new().with_min_delay(INITIAL.min(max)).with_max_delay(max).without_max_times();
        Self { builder, intervals: builder.build() }
    }

    /// Returns the next interval.
    pub(crate) fn next(&mut self) -> Duration {
        self.intervals.next().expect("the number of intervals is not limited")
    }

    /// Starts again with short intervals, because one change is often followed by another.
    pub(crate) fn reset(&mut self) {
        self.intervals = self.builder.build();
    }
}

/// Returns whether a failed query of a status may succeed later.
///
/// A wait lasts for days. In that time the Marketplace, or a proxy in front of it, returns unusable responses: an error body with
/// HTTP 200, a maintenance page, the page of a firewall. Only clear rejections end a wait: a rejected access key, an unknown ID,
/// an untrusted certificate, a proxy that requires a login, and any other client error that the API reports as such.
pub(crate) fn is_transient(error: &Error) -> bool {
    if error.is_unauthorized() || error.is_not_found() {
        return false;
    }
    let is_odd_answer = matches!(error.status(), Some(200..=399)) || matches!(error, Error::TooLarge { .. });
    let is_firewall = error.is_blocked() && error.status() != Some(PROXY_LOGIN_REQUIRED);
    error.is_retryable() || is_odd_answer || is_firewall
}

const PROXY_LOGIN_REQUIRED: u16 = 407;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_grow_up_to_the_longest_and_start_again_after_a_change() {
        let mut polling = PollingInterval::with_max(Duration::from_secs(15));
        let intervals: Vec<_> = (0..10).map(|_| polling.next().as_millis()).collect();
        assert_eq!(intervals, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000]);
        polling.reset();
        assert_eq!(polling.next(), INITIAL);
        assert_eq!(PollingInterval::with_max(Duration::from_millis(7)).next(), Duration::from_millis(7));
    }
}
