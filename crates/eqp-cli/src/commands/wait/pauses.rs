//! How long to pause between two looks where nobody tells of changes. Pure.

use std::time::Duration;

/// The first pause: a fast scan has ended by then.
const FIRST: Duration = Duration::from_millis(100);

/// Pauses that grow, each to twice the one before, up to a longest one.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// Pauses of at most `longest`.
    pub(in crate::commands) fn up_to(longest: Duration) -> Self {
        Self { next: FIRST.min(longest), longest }
    }

    /// The next pause.
    pub(in crate::commands) fn take(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        pause
    }

    /// Something moved, and may move on soon: pauses are short again.
    pub(in crate::commands) fn restart(&mut self) {
        self.next = FIRST.min(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_begin_anew_when_something_moved() {
        let mut pauses = Pauses::up_to(Duration::from_secs(15));
        let taken: Vec<_> = (0..10).map(|_| pauses.take().as_millis()).collect();
        assert_eq!(taken, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000]);
        pauses.restart();
        assert_eq!(pauses.take(), FIRST);
        assert_eq!(Pauses::up_to(Duration::from_millis(7)).take(), Duration::from_millis(7));
    }
}
