//! Decides whether a failed call is sent again and how long to wait before that. It does no I/O.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::Error;
use eqp_types::calls::Retry;

/// Limits how often a failed call is sent again, and how long the client waits in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The maximum number of attempts, including the first one; 1 disables retries.
    pub max_attempts: u32,
    /// The wait before the second attempt; it doubles with each further one. Up to half of each wait is removed at random.
    pub first_delay: Duration,
    /// The longest wait. If the server's `Retry-After` requests a longer one, the call fails instead.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 4, first_delay: Duration::from_millis(250), max_delay: Duration::from_secs(30) }
    }
}

impl RetryPolicy {
    /// The policy that never sends a call twice.
    pub const NEVER: Self = Self { max_attempts: 1, first_delay: Duration::ZERO, max_delay: Duration::ZERO };

    /// Returns the wait before the next attempt, or `None` if the call must not be sent again.
    ///
    /// `tried` counts the attempts so far.
    pub(crate) fn wait(&self, tried: u32, error: &Error, retry: Retry) -> Option<Duration> {
        let is_safe = retry == Retry::Always || !error.outcome_is_unknown();
        if !error.is_retryable() || !is_safe {
            return None;
        }
        let growing = self.growing_wait(tried)?;
        match error {
            Error::Rejected { retry_after: Some(asked), .. } if *asked > self.max_delay => None,
            // `Retry-After` can only lengthen the wait, so that a server that requests 0 s does not get all attempts at
            // once.
            Error::Rejected { retry_after: Some(asked), .. } => Some(growing.max(*asked)),
            _ => Some(growing),
        }
    }

    /// Returns a wait between half of the doubled wait and all of it, so that many clients do not retry at once.
    fn growing_wait(&self, tried: u32) -> Option<Duration> {
        let waits = usize::try_from(self.max_attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let done = usize::try_from(tried.saturating_sub(1)).unwrap_or(usize::MAX);
        // The jitter of `backon` adds up to the whole wait, so the waits are built from their halves.
        ExponentialBuilder::new()
            .with_min_delay(self.first_delay.min(self.max_delay) / 2)
            .with_max_delay(self.max_delay / 2)
            .with_max_times(waits)
            .with_jitter()
            .build()
            .nth(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Call;
    use crate::redact::KeptBody;

    fn call() -> Call {
        Call { api_call: &eqp_types::calls::PACKAGES_GET, path: "/rest/v1/products/packages/s1".to_owned() }
    }

    fn rejected(status: u16, retry_after: Option<u64>) -> Error {
        let retry_after = retry_after.map(Duration::from_secs);
        Error::Rejected {
            call: call(),
            status,
            code: None,
            message: String::new(),
            retry_after,
            body: KeptBody::default(),
        }
    }

    #[test]
    fn what_is_sent_again_depends_on_the_failure_and_on_the_call() {
        let timeout = || Error::Timeout { call: call(), after: Duration::from_secs(1) };
        // (failure, a call that may always be repeated, one that may not)
        let cases = [
            (rejected(400, None), false, false),
            (rejected(401, None), false, false),
            (rejected(404, None), false, false),
            (rejected(408, None), true, false),
            (rejected(429, None), true, true),
            (rejected(500, None), true, false),
            (rejected(503, None), true, false),
            (timeout(), true, false),
            (Error::TooLarge { call: call(), limit: 1 }, false, false),
        ];
        let policy = RetryPolicy::default();
        for (error, always, when_not_done) in cases {
            assert_eq!(policy.wait(1, &error, Retry::Always).is_some(), always, "{error}");
            assert_eq!(policy.wait(1, &error, Retry::WhenNotDone).is_some(), when_not_done, "{error}");
        }
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_are_spread() {
        let policy = RetryPolicy { max_attempts: 100, ..RetryPolicy::default() };
        for (tried, full) in [(1, 250), (2, 500), (3, 1_000), (90, 30_000)] {
            let full = Duration::from_millis(full);
            let wait = policy.wait(tried, &rejected(500, None), Retry::Always).unwrap();
            assert!(wait <= full && wait >= full / 2, "{wait:?} for {full:?}");
        }
        let waits: std::collections::HashSet<_> =
            (0..10).map(|_| policy.wait(2, &rejected(500, None), Retry::Always)).collect();
        assert!(waits.len() > 1, "{waits:?}");
    }

    #[test]
    fn retry_after_is_respected_up_to_the_longest_wait() {
        let policy = RetryPolicy::default();
        let wait = |asked| policy.wait(1, &rejected(429, Some(asked)), Retry::WhenNotDone);
        assert_eq!(wait(7), Some(Duration::from_secs(7)));
        assert!(wait(0) >= Some(Duration::from_millis(125)), "{:?}", wait(0));
        assert_eq!(wait(3600), None);
    }

    #[test]
    fn the_last_try_is_the_last() {
        let policy = RetryPolicy { max_attempts: 2, ..RetryPolicy::default() };
        assert!(policy.wait(1, &rejected(500, None), Retry::Always).is_some());
        assert_eq!(policy.wait(2, &rejected(500, None), Retry::Always), None);
        assert_eq!(RetryPolicy::NEVER.wait(1, &rejected(500, None), Retry::Always), None);
    }
}
