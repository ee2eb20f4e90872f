//! How long callbacks are kept: for ever, unless somebody says otherwise.
//!
//! Deletes the oldest first, in pieces, each a short transaction. What is not projected yet stays, with everything
//! after it. Events and the state of submissions and files stay too: they are what the callbacks meant.

use std::time::Duration;

use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::deadline::{ANSWER, within};
use crate::supervise::{Part, Supervisor};
use crate::{Error, store};

/// So many callbacks go at a time.
const PIECE: i64 = 2_000;
/// Between two pieces, so that accepting and projecting hardly notice.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a receiver looks for callbacks that have become too old.
const PERIOD: Duration = Duration::from_mins(10);

/// Deletes callbacks by their age.
#[derive(Clone, Debug)]
pub struct Retention {
    pool: PgPool,
}

impl Retention {
    /// Over the database behind `pool`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// How many callbacks [`delete_before`](Self::delete_before) would delete.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn count_before(&self, moment: OffsetDateTime) -> Result<u64, Error> {
        let count = within(ANSWER, store::retention::count(&self.pool, first_id_at(moment))).await?;
        Ok(count.unsigned_abs())
    }

    /// Deletes every callback that arrived before `moment`, except what is not projected and what came after that;
    /// answers how many those were.
    ///
    /// Dropping the future is safe at any time; what was deleted so far stays deleted.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn delete_before(&self, moment: OffsetDateTime) -> Result<u64, Error> {
        let before = first_id_at(moment);
        let mut deleted = 0;
        loop {
            let (taken, gone) = within(ANSWER, self.delete_piece(before)).await?;
            deleted += gone;
            if taken < PIECE {
                return Ok(deleted);
            }
            sleep(PAUSE).await;
        }
    }

    /// How many were old enough, and how many of them were deleted here and not by another receiver at the same time.
    async fn delete_piece(&self, before: Uuid) -> Result<(i64, u64), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        store::projector::look_up_by_key(&mut transaction).await?;
        let ids = store::retention::oldest(&mut transaction, before, PIECE).await?;
        let deleted = store::retention::delete(&mut transaction, &ids).await?;
        transaction.commit().await?;
        Ok((i64::try_from(ids.len()).unwrap_or(PIECE), deleted))
    }

    /// Deletes from time to time what is older than `keep`, until shutdown.
    pub(crate) async fn run(self, keep: Duration, supervisor: Supervisor, shutdown: CancellationToken) {
        let deleting = async {
            loop {
                supervisor.fault_point(Part::Retention);
                match self.delete_before(long_before(OffsetDateTime::now_utc(), keep)).await {
                    Ok(0) => {}
                    Ok(deleted) => tracing::info!(deleted, ?keep, "callbacks were deleted that are older than is kept"),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "old callbacks could not be deleted; it is tried again");
                    }
                }
                sleep(PERIOD).await;
            }
        };
        let _ended = shutdown.run_until_cancelled(deleting).await;
    }
}

/// `age` before `now`; the Unix epoch, before which no callback arrived, if that is further back than a date can be.
fn long_before(now: OffsetDateTime, age: Duration) -> OffsetDateTime {
    let age = time::Duration::try_from(age).ok();
    age.and_then(|age| now.checked_sub(age)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The lowest id that a callback could have that arrived at this moment: the ids start with their millisecond.
pub(crate) fn first_id_at(moment: OffsetDateTime) -> Uuid {
    let milliseconds = u128::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    Uuid::from_u128(milliseconds << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_moment_are_not_before_its_first() {
        let before = OffsetDateTime::now_utc();
        let ids: Vec<Uuid> = (0..100).map(|_| Uuid::now_v7()).collect();
        let after = OffsetDateTime::now_utc() + time::Duration::MILLISECOND;
        assert!(ids.iter().all(|id| *id >= first_id_at(before) && *id < first_id_at(after)));
        assert_eq!(first_id_at(OffsetDateTime::UNIX_EPOCH - time::Duration::DAY), Uuid::nil());
        assert_eq!(long_before(after, Duration::MAX), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(long_before(after, Duration::from_millis(1)), after - time::Duration::MILLISECOND);
    }
}
