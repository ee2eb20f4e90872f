//! Deletes callbacks and API reads that are older than the retention period, which is unlimited unless it is configured.
//!
//! The oldest are deleted first, in short transactions. A callback that is not projected yet is not deleted, and neither is any later
//! one. The same applies to API reads, which are needed as long as the callbacks of their resource. Events and the status of submissions and files are never deleted.

use std::time::Duration;

use sqlx::{PgConnection, PgPool, query, query_scalar};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::projector::look_up_by_key;
use crate::Error;
use crate::deadline::{ANSWER, within};

/// The number of callbacks that one transaction deletes.
const BATCH: i64 = 2_000;
/// The pause between two transactions, which leaves time for accepting and projecting.
const PAUSE: Duration = Duration::from_millis(20);

/// Deletes callbacks and API reads by age.
#[derive(Clone, Debug)]
pub struct Retention {
    pool: PgPool,
}

impl Retention {
    /// Creates a retention that uses an existing connection pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Returns the number of callbacks that [`delete_before`](Self::delete_before) would delete.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn count_before(&self, moment: OffsetDateTime) -> Result<u64, Error> {
        let count = within(ANSWER, count(&self.pool, first_id_at(moment))).await?;
        Ok(count.unsigned_abs())
    }

    /// Deletes every callback that arrived before `moment`, except the first one that is not projected yet and all later ones, and
    /// the API reads of that time. Returns the number of deleted callbacks.
    ///
    /// Dropping the future is safe at any time. Callbacks that were deleted until then stay deleted.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if a transaction fails or takes longer than a minute.
    pub async fn delete_before(&self, moment: OffsetDateTime) -> Result<u64, Error> {
        Ok(self.delete_for(Duration::MAX, moment).await?.0)
    }

    /// Deletes as [`delete_before`](Self::delete_before) does, but begins no transaction after this time. Returns the number of deleted
    /// callbacks, and whether all were deleted.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`delete_before`](Self::delete_before).
    pub async fn delete_for(&self, time: Duration, moment: OffsetDateTime) -> Result<(u64, bool), Error> {
        let (began, before) = (Instant::now(), first_id_at(moment));
        let mut deleted = 0;
        loop {
            let (taken, gone) = within(ANSWER, self.delete_batch(before)).await?;
            deleted += gone;
            if taken < BATCH {
                break;
            }
            if began.elapsed() >= time {
                return Ok((deleted, false));
            }
            sleep(PAUSE).await;
        }
        while within(ANSWER, self.delete_api_reads(before)).await? >= BATCH {
            if began.elapsed() >= time {
                return Ok((deleted, false));
            }
            sleep(PAUSE).await;
        }
        Ok((deleted, true))
    }

    /// Deletes one batch of API reads. Returns how many were old enough.
    async fn delete_api_reads(&self, before: Uuid) -> Result<i64, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        look_up_by_key(&mut transaction).await?;
        let ids = oldest_api_reads(&mut transaction, before, BATCH).await?;
        query!("delete from eqp.api_read_disposition where api_read_id = any($1)", &ids)
            .execute(&mut *transaction)
            .await?;
        query!("delete from eqp.api_read where id = any($1)", &ids).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(i64::try_from(ids.len()).expect("a batch is small"))
    }

    /// Deletes one batch. Returns how many callbacks were old enough, and how many of them were deleted here rather than concurrently by
    /// another receiver.
    async fn delete_batch(&self, before: Uuid) -> Result<(i64, u64), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        look_up_by_key(&mut transaction).await?;
        let ids = oldest(&mut transaction, before, BATCH).await?;
        let deleted = delete(&mut transaction, &ids).await?;
        transaction.commit().await?;
        Ok((i64::try_from(ids.len()).expect("a batch is small"), deleted))
    }
}

/// Returns the lowest ID of a callback that arrived at this moment. IDs start with the time in milliseconds.
pub fn first_id_at(moment: OffsetDateTime) -> Uuid {
    // No callback arrived before 1970.
    let milliseconds = u128::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    Uuid::from_u128(milliseconds << 80)
}

/// Counts the callbacks before a bound that can be deleted.
async fn count(pool: &PgPool, before: Uuid) -> Result<i64, sqlx::Error> {
    query_scalar!(
        r#"
        select count(*) as "count!"
        from eqp.callback
        where id < $1
          and id < coalesce((select waits from eqp.callback_pending, unnest(callback_ids) as waits order by waits limit 1), $1)
        "#,
        before
    )
    .fetch_one(pool)
    .await
}

/// Returns the oldest callbacks before a bound, at most `limit`, that are not pending and not later than a pending one.
///
/// Callbacks and the queue are written by one statement and read by one statement, so a callback without an entry in the queue is
/// certainly projected.
async fn oldest(connection: &mut PgConnection, before: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    query_scalar!(
        r#"
        select id
        from eqp.callback
        where id < $1
          and id < coalesce((select waits from eqp.callback_pending, unnest(callback_ids) as waits order by waits limit 1), $1)
        order by id
        limit $2
        "#,
        before,
        limit
    )
    .fetch_all(connection)
    .await
}

/// Returns the oldest API reads before a bound, at most `limit`, under the same condition as [`oldest`].
async fn oldest_api_reads(connection: &mut PgConnection, before: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    query_scalar!(
        r#"
        select id
        from eqp.api_read
        where id < $1
          and id < coalesce((select waits from eqp.callback_pending, unnest(callback_ids) as waits order by waits limit 1), $1)
        order by id
        limit $2
        "#,
        before,
        limit
    )
    .fetch_all(connection)
    .await
}

/// Deletes callbacks and their dispositions, but not events and tracks. Returns the number of deleted callbacks.
async fn delete(connection: &mut PgConnection, ids: &[Uuid]) -> Result<u64, sqlx::Error> {
    query!("delete from eqp.callback_disposition where callback_id = any($1)", ids).execute(&mut *connection).await?;
    let deleted = query!("delete from eqp.callback where id = any($1)", ids).execute(connection).await?;
    Ok(deleted.rows_affected())
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
    }
}
