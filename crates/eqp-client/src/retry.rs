//! When a call is sent again by itself, and how long it waits before. No I/O, no chance of its own.

use std::time::Duration;

use crate::Error;
use crate::endpoint::Repeat;

/// How often and after which waits a call is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a call is sent at most, the first time included; 1 means never again.
    pub tries: u32,
    /// The wait before the second try; each further one is twice as long.
    pub first_wait: Duration,
    /// The longest wait; a server that asks for more is not waited for.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { tries: 4, first_wait: Duration::from_millis(250), longest_wait: Duration::from_secs(30) }
    }
}

impl RetryPolicy {
    /// Never sends anything again.
    pub const NEVER: Self = Self { tries: 1, first_wait: Duration::ZERO, longest_wait: Duration::ZERO };

    /// How long to wait before the next try, or `None` if there is none.
    ///
    /// `tried` counts the tries so far; `chance` is a number from 0 to 1 that spreads the waits of many clients.
    pub(crate) fn wait(&self, tried: u32, error: &Error, repeat: Repeat, chance: f64) -> Option<Duration> {
        let is_safe = repeat == Repeat::Always || !error.outcome_is_unknown();
        if tried >= self.tries || !error.is_retryable() || !is_safe {
            return None;
        }
        let growing = self.first_wait.saturating_mul(1 << tried.saturating_sub(1).min(16)).min(self.longest_wait);
        let jittered = growing.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        match error {
            Error::Refused { retry_after: Some(asked), .. } if *asked > self.longest_wait => None,
            Error::Refused { retry_after: Some(asked), .. } => Some(jittered.max(*asked)),
            _ => Some(jittered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Call;
    use crate::redact::KeptBody;

    fn call() -> Call {
        Call { endpoint: &crate::endpoint::PACKAGES_GET, path: "/rest/v1/products/packages/s1".to_owned() }
    }

    fn refused(status: u16, retry_after: Option<u64>) -> Error {
        let retry_after = retry_after.map(Duration::from_secs);
        Error::Refused {
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
        let deadline = || Error::Deadline { call: call(), after: Duration::from_secs(1) };
        // (failure, a call that may always be repeated, one that may not)
        let cases = [
            (refused(400, None), false, false),
            (refused(401, None), false, false),
            (refused(404, None), false, false),
            (refused(408, None), true, false),
            (refused(429, None), true, true),
            (refused(500, None), true, false),
            (refused(503, None), true, false),
            (deadline(), true, false),
            (Error::TooLarge { call: call(), limit: 1 }, false, false),
        ];
        let policy = RetryPolicy::default();
        for (error, always, when_not_done) in cases {
            assert_eq!(policy.wait(1, &error, Repeat::Always, 0.5).is_some(), always, "{error}");
            assert_eq!(policy.wait(1, &error, Repeat::WhenNotDone, 0.5).is_some(), when_not_done, "{error}");
        }
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_are_spread() {
        let policy = RetryPolicy { tries: 100, ..RetryPolicy::default() };
        let wait = |tried, chance| policy.wait(tried, &refused(500, None), Repeat::Always, chance).unwrap();
        assert_eq!(wait(1, 1.0), Duration::from_millis(250));
        assert_eq!(wait(2, 1.0), Duration::from_millis(500));
        assert_eq!(wait(2, 0.0), Duration::from_millis(250));
        assert_eq!(wait(90, 1.0), policy.longest_wait);
    }

    #[test]
    fn a_servers_wish_is_respected_if_it_is_not_too_long() {
        let policy = RetryPolicy::default();
        let wait = |asked| policy.wait(1, &refused(429, Some(asked)), Repeat::WhenNotDone, 0.0);
        assert_eq!(wait(7), Some(Duration::from_secs(7)));
        assert_eq!(wait(0), Some(Duration::from_millis(125)));
        assert_eq!(wait(3600), None);
    }

    #[test]
    fn the_last_try_is_the_last() {
        let policy = RetryPolicy { tries: 2, ..RetryPolicy::default() };
        assert!(policy.wait(1, &refused(500, None), Repeat::Always, 0.5).is_some());
        assert_eq!(policy.wait(2, &refused(500, None), Repeat::Always, 0.5), None);
        assert_eq!(RetryPolicy::NEVER.wait(1, &refused(500, None), Repeat::Always, 0.5), None);
    }
}
