//! The rate at which deliveries are sent to a handler that was down. Sent all at once, they could bring it down again.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The time between two deliveries: 25 per second, so that 200 that were waiting take 8 seconds.
const INTERVAL: Duration = Duration::from_millis(40);

/// The pace of one subscription in one process.
#[derive(Debug)]
pub(super) struct Pace {
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { next: Mutex::new(Instant::now()) }
    }

    /// Waits for the next slot.
    pub(super) async fn slot(&self) {
        let at = self.reserve(Instant::now());
        sleep_until(at).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at = (*next).max(now);
        *next = at + INTERVAL;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_deliveries_take_eight_seconds() {
        let pace = Pace::new();
        let now = Instant::now();
        let slots: Vec<Instant> = (0..200).map(|_| pace.reserve(now)).collect();
        let time = slots[199].saturating_duration_since(slots[0]);
        assert!(time > Duration::from_secs(7) && time < Duration::from_secs(9), "{time:?}");
        // Time that was not used is not saved up.
        let later = now + Duration::from_mins(1);
        assert_eq!(pace.reserve(later), later);
        assert_eq!(pace.reserve(later), later + INTERVAL);
    }
}
