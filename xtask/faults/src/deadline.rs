//! Nothing is waited for without an end.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::Failure;

/// How long anything may take to become well again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked.
const INTERVAL: Duration = Duration::from_millis(20);

/// What a future ends with, if it ends in time.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(PATIENCE, future).await.map_err(|_| format!("{what}: not within {} s", PATIENCE.as_secs()))?
}

/// Looks again and again until something is so, for so long; whether it was.
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
