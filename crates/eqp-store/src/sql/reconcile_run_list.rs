//! Lists runs of the reconciliation. Only reads.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, QueryBuilder, Row};

use super::column::{account, read, timestamp};
use super::listing::{accounts, condition, limited, of_accounts};
use crate::model::{ListedRun, RunFilter, RunKind};

const RUNS: &str = "
    select run.id, environment, mage_id, kind, started_at, heartbeat_at, finished_at, newest_modified_at, resources,
           stored, error
    from eqp.reconcile_run as run
    join eqp.account on account.id = run.account_id
    where true";

/// Returns the runs that match a filter, newest first. Only those of the last 90 days are stored.
pub async fn list(pool: &PgPool, filter: &RunFilter) -> Result<Vec<ListedRun>, sqlx::Error> {
    let accounts = accounts(pool, filter.environment, filter.mage_id.as_ref()).await?;
    let mut query = QueryBuilder::new(RUNS);
    of_accounts(&mut query, "run.account_id", accounts.as_deref());
    condition(&mut query, "run.kind = ", filter.kind.map(RunKind::as_str));
    condition(&mut query, "(run.error is not null) = ", filter.has_failed);
    condition(&mut query, "run.id < ", filter.before_id);
    query.push(" order by run.id desc");
    limited(&mut query, filter.limit);
    query.build_query_as().fetch_all(pool).await
}

/// Returns one run.
pub async fn find(pool: &PgPool, id: i64) -> Result<Option<ListedRun>, sqlx::Error> {
    let mut query = QueryBuilder::new(RUNS);
    condition(&mut query, "run.id = ", Some(id));
    query.build_query_as().fetch_optional(pool).await
}

impl FromRow<'_, PgRow> for ListedRun {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (environment, mage_id) = account(row.try_get("environment")?, row.try_get("mage_id")?)?;
        Ok(Self {
            id: row.try_get("id")?,
            environment,
            mage_id,
            kind: read(row.try_get("kind")?)?,
            started_at: row.try_get("started_at")?,
            heartbeat_at: row.try_get("heartbeat_at")?,
            finished_at: row.try_get("finished_at")?,
            newest_modified_at: timestamp(row.try_get("newest_modified_at")?),
            resources: row.try_get::<i64, _>("resources")?.unsigned_abs(),
            stored: row.try_get::<i64, _>("stored")?.unsigned_abs(),
            error: row.try_get("error")?,
        })
    }
}
