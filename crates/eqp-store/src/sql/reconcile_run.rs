//! `eqp.reconcile_run`: the runs that compare an account with the API.

use sqlx::{PgPool, query, query_scalar};

use super::column::{moment, timestamp};
use crate::model::{AccountId, LastRuns, RunId, RunKind, RunProgress};

/// The longest error text that is stored, in characters.
const LONGEST_ERROR: usize = 500;

/// Begins a run, or returns `None` if another run of the account is active. A run that has shown no progress for five minutes counts as
/// interrupted and is finished with an error.
///
/// Also deletes runs that are older than 90 days, and all but the newest 20,000 of the account. The newest successful run of each kind
/// is never deleted, because the next run continues from it.
pub async fn begin(pool: &PgPool, account: AccountId, kind: RunKind) -> Result<Option<RunId>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    query!(
        r#"
        update eqp.reconcile_run
        set finished_at = now(), error = 'interrupted: no progress for five minutes'
        where account_id = $1 and finished_at is null and heartbeat_at < now() - interval '5 minutes'
        "#,
        account.0
    )
    .execute(&mut *transaction)
    .await?;
    query!(
        r#"
        delete from eqp.reconcile_run
        where account_id = $1 and finished_at is not null
          and (started_at < now() - interval '90 days'
               or id < (select id from eqp.reconcile_run where account_id = $1 order by id desc offset 19999 limit 1))
          and id not in (select max(id) from eqp.reconcile_run
                         where account_id = $1 and finished_at is not null and error is null
                         group by kind)
        "#,
        account.0
    )
    .execute(&mut *transaction)
    .await?;
    let id = query_scalar!(
        r#"
        insert into eqp.reconcile_run (account_id, kind) values ($1, $2)
        on conflict (account_id) where finished_at is null do nothing
        returning id
        "#,
        account.0,
        kind.as_str()
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(id.map(RunId))
}

/// Records the progress of a run, which also shows that it is still active. Returns false if the run was finished in the meantime, so
/// that another one may be active.
pub async fn progress(pool: &PgPool, run: RunId, progress: &RunProgress) -> Result<bool, sqlx::Error> {
    let updated = query!(
        r#"
        update eqp.reconcile_run
        set heartbeat_at = now(), resources = $2, stored = $3, newest_modified_at = $4
        where id = $1 and finished_at is null
        "#,
        run.0,
        count(progress.resources),
        count(progress.stored),
        moment(progress.newest_modified_at),
    )
    .execute(pool)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Finishes a run, successfully or with an error.
pub async fn finish(pool: &PgPool, run: RunId, progress: &RunProgress, error: Option<&str>) -> Result<(), sqlx::Error> {
    let error =
        error.map(|error| error.chars().filter(|letter| *letter != '\0').take(LONGEST_ERROR).collect::<String>());
    query!(
        r#"
        update eqp.reconcile_run
        set heartbeat_at = now(), finished_at = now(), resources = $2, stored = $3, newest_modified_at = $4, error = $5
        where id = $1 and finished_at is null
        "#,
        run.0,
        count(progress.resources),
        count(progress.stored),
        moment(progress.newest_modified_at),
        error,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Returns what the successful runs of an account have left for the next one.
pub async fn last(pool: &PgPool, account: AccountId) -> Result<LastRuns, sqlx::Error> {
    let row = query!(
        r#"
        select max(newest_modified_at) as newest_modified_at, max(finished_at) as succeeded_at,
               max(finished_at) filter (where kind = 'full') as full_at
        from eqp.reconcile_run
        where account_id = $1 and finished_at is not null and error is null and kind in ('incremental', 'full')
        "#,
        account.0
    )
    .fetch_one(pool)
    .await?;
    Ok(LastRuns {
        newest_modified_at: timestamp(row.newest_modified_at),
        succeeded_at: row.succeeded_at,
        full_at: row.full_at,
    })
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
