//! Looking again and again until it looks as wanted, without polling.

use std::time::Duration;

use super::problem::Problem;
use crate::fault::read_duration;
use crate::shared::Shared;

/// Nobody is made to wait longer.
const LONGEST: Duration = Duration::from_mins(5);

/// Reads a `wait`, such as `30s`.
pub(super) fn patience(wait: Option<&str>) -> Result<Duration, Problem> {
    match wait {
        None => Ok(Duration::ZERO),
        Some(text) => read_duration(text).filter(|wait| *wait <= LONGEST).ok_or_else(|| {
            Problem::word(format!("`{text}` cannot be `wait`: a length up to 5m, such as 500ms or 30s"))
        }),
    }
}

/// Looks after every change until there is something to see, at most so long.
pub(super) async fn until<T>(shared: &Shared, patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let mut revision = shared.revision.subscribe();
    let watching = async {
        loop {
            revision.mark_unchanged();
            if let Some(seen) = look() {
                return Some(seen);
            }
            if revision.changed().await.is_err() {
                return None;
            }
        }
    };
    tokio::time::timeout(patience, watching).await.ok().flatten()
}
