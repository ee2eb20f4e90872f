//! Waits that grow from failure to failure.

use std::time::Duration;

/// Doubling waits between two bounds, each shortened by chance by up to a quarter so that many do not try at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, next: shortest }
    }

    /// After a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.shortest;
    }

    /// After a failure: how long to wait.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        // A random uuid is the source of chance that is at hand.
        let chance = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 255.0;
        wait.mul_f64(1.0 - chance / 4.0)
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
            assert!(wait <= full && wait >= full * 3 / 4, "{wait:?} for {full:?}");
        };
        for seconds in [1, 2, 4, 5, 5] {
            expect(&mut backoff, seconds);
        }
        backoff.reset();
        expect(&mut backoff, 1);
    }
}
