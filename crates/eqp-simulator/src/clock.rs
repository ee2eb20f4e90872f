//! The simulated time.
//!
//! It starts at the wall clock's time and runs `speed` times faster. Everything that the simulator stamps
//! (`created_at`, `modified_at`, dates of test runs) is simulated time: the API's stamps have whole seconds, and a
//! review that takes seconds instead of days would else put many changes into one of them.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::Instant;

/// Simulated time since the start.
pub(crate) type SimulatedTime = Duration;

/// A clock that runs faster (or slower) than the wall clock, and can be moved forward. Clones show the same time.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    epoch: OffsetDateTime,
    started: Instant,
    speed: f64,
    /// Simulated time that was skipped.
    skipped: watch::Sender<Duration>,
}

impl Clock {
    /// A clock that shows `epoch` now and runs `speed` times faster than real time; `speed` is positive and finite.
    pub(crate) fn start(epoch: OffsetDateTime, speed: f64) -> Self {
        Self { epoch, started: Instant::now(), speed, skipped: watch::Sender::new(Duration::ZERO) }
    }

    /// How many times faster than real time it runs.
    pub(crate) fn speed(&self) -> f64 {
        self.speed
    }

    /// Moves it forward; whoever waits for a moment that has come now hears of it.
    pub(crate) fn skip(&self, by: Duration) {
        self.skipped.send_modify(|skipped| *skipped = skipped.saturating_add(by));
    }

    /// Simulated time since the start.
    pub(crate) fn elapsed(&self) -> SimulatedTime {
        scaled(self.started.elapsed(), self.speed).saturating_add(*self.skipped.borrow())
    }

    /// The simulated moment that is `since_start` after the start.
    pub(crate) fn moment(&self, since_start: SimulatedTime) -> OffsetDateTime {
        time::Duration::try_from(since_start)
            .ok()
            .and_then(|since_start| self.epoch.checked_add(since_start))
            .unwrap_or(self.epoch)
    }

    /// Waits until the simulated time `since_start` has come.
    pub(crate) async fn wait_until(&self, since_start: SimulatedTime) {
        let mut skipped = self.skipped.subscribe();
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

    /// How long a simulated length takes in reality; at most a year, which is never for a simulator.
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
    fn simulated_time_runs_faster() {
        let mut clock = Clock::start(datetime!(2026-01-01 00:00 UTC), 60.0);
        clock.started -= Duration::from_secs(2);
        assert!((120..180).contains(&clock.elapsed().as_secs()));
        assert_eq!(clock.moment(Duration::from_mins(2)), datetime!(2026-01-01 00:02 UTC));
        assert_eq!(clock.real_length(Duration::from_secs(30)), Duration::from_millis(500));
    }

    #[tokio::test]
    async fn a_skip_wakes_whoever_waits() {
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
