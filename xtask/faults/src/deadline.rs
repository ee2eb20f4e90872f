//! Waits with a deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::Failure;

/// The time for everything to recover.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The interval of polls.
const INTERVAL: Duration = Duration::from_millis(20);

/// Returns the output of a future, if it ends in time.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(PATIENCE, future).await.map_err(|_| format!("{what}: not within {} s", PATIENCE.as_secs()))?
}

/// Polls until a condition is fulfilled or the time is over, and returns whether it was.
pub(crate) async fn until(patience: Duration, mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    loop {
        if timeout(PATIENCE, is_so()).await.unwrap_or(false) {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        sleep(INTERVAL).await;
    }
}
