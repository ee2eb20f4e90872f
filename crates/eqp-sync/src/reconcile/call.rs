//! The time limit of calls of the Marketplace's API.

use std::time::Duration;

use tokio::time::timeout;

use super::error::{ReconcileError, Result};

/// The time limit of one call, with all its retries.
///
/// Shorter than the time after which a run without progress counts as interrupted (five minutes).
const CALL_DEADLINE: Duration = Duration::from_mins(4);

/// Waits for a call, with all its retries, up to the deadline.
pub(super) async fn call<T>(call: impl Future<Output = Result<T, eqp_client::Error>>) -> Result<T> {
    match timeout(CALL_DEADLINE, call).await {
        Ok(answered) => Ok(answered?),
        Err(_) => Err(ReconcileError::TimedOut { after: CALL_DEADLINE }),
    }
}
