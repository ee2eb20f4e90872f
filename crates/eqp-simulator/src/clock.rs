//! The clock of reviews.
//!
//! Waits are scheduled in simulated time, which starts at zero and runs `speed` times faster than the wall clock, so
//! that a review of days takes seconds. Timestamps (`created_at`, `modified_at`, dates of test runs) show the wall
//! clock plus any time that was skipped, so that they are not in the receiver's future at a high speed.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::Instant;

/// Simulated time since the start.
pub(crate) type SimulatedTime = Duration;

/// Time that was skipped.
#[derive(Clone, Copy, Debug)]
struct Skip {
    /// The simulated time at which it was skipped.
    at: SimulatedTime,
    /// The skipped duration.
    by: Duration,
}

/// A clock that runs faster or slower than real time, and can be moved forward. Clones show the same time.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    epoch: OffsetDateTime,
    started: Instant,
    speed: f64,
    /// The skips, ordered by time.
    skips: watch::Sender<Vec<Skip>>,
}

impl Clock {
    /// Starts a clock that shows `epoch` now and runs `speed` times faster; `speed` is positive and finite.
    pub(crate) fn start(epoch: OffsetDateTime, speed: f64) -> Self {
        Self { epoch, started: Instant::now(), speed, skips: watch::Sender::new(Vec::new()) }
    }

    /// Returns how many times faster than real time the clock runs.
    pub(crate) fn speed(&self) -> f64 {
        self.speed
    }

    /// Moves the clock forward, and wakes tasks that wait for a time that has come.
    pub(crate) fn skip(&self, by: Duration) {
        let at = self.elapsed();
        self.skips.send_modify(|skips| skips.push(Skip { at, by }));
    }

    /// Returns the simulated time since the start.
    pub(crate) fn elapsed(&self) -> SimulatedTime {
        let skipped = self.skips.borrow().iter().fold(Duration::ZERO, |sum, skip| sum.saturating_add(skip.by));
        scaled(self.started.elapsed(), self.speed).saturating_add(skipped)
    }

    /// Returns the wall clock time at the simulated time `since_start`, plus the time skipped until then.
    pub(crate) fn wall_time(&self, since_start: SimulatedTime) -> OffsetDateTime {
        let skipped = self
            .skips
            .borrow()
            .iter()
            .fold(Duration::ZERO, |sum, skip| sum.saturating_add(since_start.saturating_sub(skip.at).min(skip.by)));
        let waited = self.real_length(since_start.saturating_sub(skipped));
        time::Duration::try_from(waited.saturating_add(skipped))
            .ok()
            .and_then(|since_start| self.epoch.checked_add(since_start))
            .unwrap_or(self.epoch)
    }

    /// Waits until the simulated time `since_start` has come.
    pub(crate) async fn wait_until(&self, since_start: SimulatedTime) {
        let mut skipped = self.skips.subscribe();
        loop {
            let rest = since_start.saturating_sub(self.elapsed());
            if rest.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(self.real_length(rest)) => {}
                Ok(()) = skipped.changed() => {}
            }
        }
    }

    /// Returns the real duration of a simulated one, at most a year: longer waits never end during a run.
    fn real_length(&self, simulated: Duration) -> Duration {
        const YEAR: Duration = Duration::from_hours(365 * 24);
        scaled(simulated, 1.0 / self.speed).min(YEAR)
    }
}

fn scaled(length: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(length.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn waits_are_shorter_and_stamps_show_the_wall_clock() {
        let mut clock = Clock::start(datetime!(2026-01-01 00:00 UTC), 60.0);
        clock.started -= Duration::from_secs(2);
        assert!((120..180).contains(&clock.elapsed().as_secs()));
        assert_eq!(clock.wall_time(Duration::from_mins(2)), datetime!(2026-01-01 00:00:02 UTC));
        assert_eq!(clock.real_length(Duration::from_secs(30)), Duration::from_millis(500));
    }

    #[test]
    fn a_skip_is_added_whole_whatever_the_speed() {
        let clock = Clock::start(datetime!(2026-01-01 00:00 UTC), 60.0);
        // One real second is between the two.
        let after_a_second = Duration::from_hours(2) + Duration::from_mins(1);
        let skips = [(Duration::ZERO, Duration::from_hours(2)), (after_a_second, Duration::from_hours(1))];
        clock.skips.send_modify(|made| made.extend(skips.map(|(at, by)| Skip { at, by })));
        for (at, shown) in [
            // Events that were due during the skip have their own time.
            (Duration::from_hours(1), datetime!(2026-01-01 01:00 UTC)),
            (Duration::from_hours(2), datetime!(2026-01-01 02:00 UTC)),
            (Duration::from_hours(2) + Duration::from_secs(30), datetime!(2026-01-01 02:00:00.5 UTC)),
            (after_a_second + Duration::from_mins(30), datetime!(2026-01-01 02:30:01 UTC)),
            (after_a_second + Duration::from_mins(61), datetime!(2026-01-01 03:00:02 UTC)),
        ] {
            assert_eq!(clock.wall_time(at), shown, "{at:?}");
        }
    }

    #[tokio::test]
    async fn a_skip_wakes_waiting_tasks() {
        let clock = Clock::start(datetime!(2026-01-01 00:00 UTC), 1.0);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.wait_until(Duration::from_hours(1)).await }
        });
        tokio::task::yield_now().await;
        clock.skip(Duration::from_hours(2));
        waiting.await.unwrap();
        assert!(clock.elapsed() >= Duration::from_hours(2));
    }
}
