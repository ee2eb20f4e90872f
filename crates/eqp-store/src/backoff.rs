//! Growing waits between retries.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Doubling waits between two bounds. Each wait is shortened at random by up to a half, so that many clients do not retry at the
/// same moment.
#[derive(Debug)]
pub struct Backoff {
    builder: ExponentialBuilder,
    waits: ExponentialBackoff,
}

impl Backoff {
    /// Creates a backoff whose waits grow from `shortest` to `longest`.
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        // The jitter of `backon` adds up to 100 % of the wait.
        let builder = ExponentialBuilder::new()
            .with_min_delay(shortest / 2)
            .with_max_delay(longest / 2)
            .without_max_times()
            .with_jitter();
        Self { builder, waits: builder.build() }
    }

    /// Resets the next wait to the shortest one, after a success.
    pub fn reset(&mut self) {
        self.waits = self.builder.build();
    }

    /// Returns the wait after a failure.
    pub fn next_wait(&mut self) -> Duration {
        self.waits.next().expect("the number of waits is not limited")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let expect = |backoff: &mut Backoff, seconds: u32| {
            let (wait, full) = (backoff.next_wait(), Duration::from_secs(seconds.into()));
            assert!(wait <= full && wait >= full / 2, "{wait:?} for {full:?}");
        };
        for seconds in [1, 2, 4, 5, 5] {
            expect(&mut backoff, seconds);
        }
        backoff.reset();
        expect(&mut backoff, 1);
    }
}
