//! The periodic jobs of a receiver: delete old callbacks, retire replaced credentials, and measure the backlog.
//!
//! Each runs until shutdown. While the database is down, nothing is deleted or retired, and the next period tries again.

use std::time::Duration;

use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Metrics;
use eqp_store::Error;
use eqp_store::internal as store;
use eqp_store::internal::{Part, Retention, Supervisor, within};

/// The interval between deletions of old callbacks.
const RETENTION_PERIOD: Duration = Duration::from_mins(10);
/// The interval at which replaced credentials are retired. Grace periods last hours, so a second more does not matter.
const RETIREMENT_PERIOD: Duration = Duration::from_secs(1);
/// The time limit for retiring them.
const RETIREMENT_DEADLINE: Duration = Duration::from_secs(3);
/// The interval at which the backlog is measured.
const BACKLOG_PERIOD: Duration = Duration::from_secs(2);
/// The time limit of each measurement.
const BACKLOG_DEADLINE: Duration = Duration::from_secs(2);

/// Deletes callbacks that are older than `age`.
pub(crate) async fn delete_old_callbacks(
    retention: Retention,
    age: Duration,
    supervisor: Supervisor,
    shutdown: CancellationToken,
) {
    let deleting = async {
        loop {
            supervisor.fault_point(Part::Retention);
            match retention.delete_before(cutoff(OffsetDateTime::now_utc(), age)).await {
                Ok(0) => {}
                Ok(deleted) => tracing::info!(deleted, ?age, "deleted old callbacks"),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "cannot delete old callbacks, retrying");
                }
            }
            sleep(RETENTION_PERIOD).await;
        }
    };
    let _cancelled = shutdown.run_until_cancelled(deleting).await;
}

/// Returns the time `age` before `now`. An age that reaches back beyond all dates means the Unix epoch, because no callback
/// is older.
fn cutoff(now: OffsetDateTime, age: Duration) -> OffsetDateTime {
    let age = time::Duration::try_from(age).ok();
    age.and_then(|age| now.checked_sub(age)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Retires replaced credentials when their grace period ends, unless they are in use again. Every receiver checks; the
/// first one retires them.
pub(crate) async fn retire_credentials(pool: PgPool, supervisor: Supervisor, shutdown: CancellationToken) {
    let retiring = async {
        let mut is_failing = false;
        loop {
            supervisor.fault_point(Part::RotationSweep);
            let retired = within(RETIREMENT_DEADLINE, retire_due(&pool)).await;
            match &retired {
                Ok(0) => {}
                Ok(retired) => tracing::info!(retired, "retired replaced credentials"),
                // Logged once per outage, not every second.
                Err(error) if !is_failing => {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(error, "cannot retire replaced credentials, they remain valid");
                }
                Err(_) => {}
            }
            is_failing = retired.is_err();
            sleep(RETIREMENT_PERIOD).await;
        }
    };
    let _cancelled = shutdown.run_until_cancelled(retiring).await;
}

async fn retire_due(pool: &PgPool) -> Result<i64, Error> {
    store::rotation::schedule_retirement(pool).await?;
    for (endpoint, username) in store::rotation::extend_grace(pool).await? {
        tracing::warn!(
            endpoint,
            username,
            "the old registration is in use again, extending the grace period of its credential; run `eqp callbacks plan`"
        );
    }
    let due = store::rotation::due(pool).await?;
    if due.is_empty() { Ok(0) } else { store::rotation::retire_due(pool, &due).await }
}

/// Measures the backlog of projection and of handlers, and whether the database answers. Every process does so,
/// including those that do not project. While the database is down, the metrics keep their last values.
pub(crate) async fn measure_backlog(pool: PgPool, metrics: Metrics, shutdown: CancellationToken) {
    let measuring = async {
        loop {
            metrics.supervisor().fault_point(Part::Backlog);
            let backlog = within(BACKLOG_DEADLINE, store::pending::backlog(&pool)).await;
            metrics.database(backlog.is_ok());
            if let Ok(backlog) = backlog {
                metrics.pending(backlog.batches, backlog.oldest);
            }
            if let Ok(lags) = within(BACKLOG_DEADLINE, store::handler_cursor::lags(&pool)).await {
                metrics.handlers().lags(lags);
            }
            sleep(BACKLOG_PERIOD).await;
        }
    };
    let _cancelled = shutdown.run_until_cancelled(measuring).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_beyond_all_dates_means_the_epoch() {
        let now = OffsetDateTime::now_utc();
        assert_eq!(cutoff(now, Duration::MAX), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(cutoff(now, Duration::from_millis(1)), now - time::Duration::MILLISECOND);
    }
}
