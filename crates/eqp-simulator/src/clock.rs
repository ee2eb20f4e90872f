//! The simulated time.
//!
//! It starts at the wall clock's time and runs `speed` times faster. Everything that the simulator stamps
//! (`created_at`, `modified_at`, dates of test runs) is simulated time: the API's stamps have whole seconds, and a
//! review that takes seconds instead of days would else put many changes into one of them.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

/// Simulated time since the start.
pub(crate) type SimulatedTime = Duration;

/// A clock that runs faster (or slower) than the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: OffsetDateTime,
    started: Instant,
    speed: f64,
}

impl Clock {
    /// A clock that shows `epoch` now and runs `speed` times faster than real time; `speed` is positive and finite.
    pub(crate) fn start(epoch: OffsetDateTime, speed: f64) -> Self {
        Self { epoch, started: Instant::now(), speed }
    }

    /// Simulated time since the start.
    pub(crate) fn elapsed(&self) -> SimulatedTime {
        scaled(self.started.elapsed(), self.speed)
    }

    /// The simulated moment that is `since_start` after the start.
    pub(crate) fn moment(&self, since_start: SimulatedTime) -> OffsetDateTime {
        time::Duration::try_from(since_start)
            .ok()
            .and_then(|since_start| self.epoch.checked_add(since_start))
            .unwrap_or(self.epoch)
    }

    /// The real moment at which the simulated time `since_start` comes.
    pub(crate) fn real(&self, since_start: SimulatedTime) -> Instant {
        self.started + self.real_length(since_start)
    }

    /// How long a simulated length takes in reality; at most a year, which is never for a simulator.
    pub(crate) fn real_length(&self, simulated: Duration) -> Duration {
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
        assert_eq!(clock.real(Duration::from_mins(1)), clock.started + Duration::from_secs(1));
    }
}
