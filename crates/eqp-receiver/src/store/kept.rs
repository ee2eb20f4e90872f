//! Callbacks as they were kept, for readers, and how much there is.

use eqp_types::Environment;
use sqlx::{PgPool, query};
use uuid::Uuid;

use super::callback::noted_target;
use super::word::{account, read};
use crate::read::{CallbackCopy, Counts, StoredCallback};

/// The most copies that are listed.
const MOST_COPIES: i64 = 1000;

/// One callback with what became of it.
pub(crate) async fn callback(pool: &PgPool, id: Uuid) -> Result<Option<StoredCallback>, sqlx::Error> {
    let row = query!(
        r#"
        select callback.id, account.environment, account.mage_id, endpoint.name, callback.received_at,
               host(callback.source) as "source!", callback.headers, callback.body,
               outcome.verdict as "verdict?", outcome.copy_of as "copy_of?"
        from eqp.callback
        join eqp.endpoint on endpoint.id = callback.endpoint_id
        join eqp.account on account.id = endpoint.account_id
        left join eqp.callback_outcome as outcome on outcome.callback_id = callback.id
        where callback.id = $1
        "#,
        id
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
    Ok(Some(StoredCallback {
        id: row.id,
        environment,
        mage_id,
        endpoint: row.name,
        received_at: row.received_at,
        source: read(&row.source)?,
        arrived_path: noted_target(&row.headers),
        headers: row.headers,
        body: row.body,
        verdict: row.verdict.as_deref().map(read).transpose()?,
        copy_of: row.copy_of,
    }))
}

/// The copies of a callback, in the order of arrival.
pub(crate) async fn copies(pool: &PgPool, id: Uuid) -> Result<Vec<CallbackCopy>, sqlx::Error> {
    let rows = query!(
        r#"
        select callback.id, callback.received_at, endpoint.name
        from eqp.callback_outcome as outcome
        join eqp.callback on callback.id = outcome.callback_id
        join eqp.endpoint on endpoint.id = callback.endpoint_id
        where outcome.copy_of = $1
        order by outcome.callback_id
        limit $2
        "#,
        id,
        MOST_COPIES
    )
    .fetch_all(pool)
    .await?;
    let copy = |(id, received_at, endpoint)| CallbackCopy { id, received_at, endpoint };
    Ok(rows.into_iter().map(|row| copy((row.id, row.received_at, row.name))).collect())
}

/// How much there is, of one environment or of all.
pub(crate) async fn counts(pool: &PgPool, environment: Option<Environment>) -> Result<Counts, sqlx::Error> {
    let row = query!(
        r#"
        with accounts as (select id from eqp.account where $1::text is null or environment = $1),
             endpoints as (select id from eqp.endpoint where account_id in (select id from accounts)),
             kept as (
                 select count(*) as callbacks, count(*) filter (where outcome.callback_id is null) as pending,
                        count(*) filter (where outcome.verdict = 'copy') as copies
                 from eqp.callback
                 left join eqp.callback_outcome as outcome on outcome.callback_id = callback.id
                 where callback.endpoint_id in (select id from endpoints)),
             told as (
                 select count(*) filter (where kind in ('submission', 'file')) as events,
                        count(*) filter (where kind = 'unknown') as unknown,
                        count(*) filter (where kind = 'undecodable') as undecodable,
                        count(*) filter (where mark = 'late') as late,
                        count(*) filter (where mark = 'tied') as tied
                 from eqp.event
                 where account_id in (select id from accounts)),
             known as (
                 select count(distinct (account_id, subject)) filter (where kind = 'submission') as submissions,
                        count(distinct (account_id, subject)) filter (where kind = 'file') as files
                 from eqp.track
                 where account_id in (select id from accounts))
        select callbacks as "callbacks!", pending as "pending!", copies as "copies!", events as "events!",
               unknown as "unknown!", undecodable as "undecodable!", late as "late!", tied as "tied!",
               submissions as "submissions!", files as "files!"
        from kept, told, known
        "#,
        environment.map(Environment::as_str)
    )
    .fetch_one(pool)
    .await?;
    Ok(Counts {
        callbacks_received: row.callbacks.unsigned_abs(),
        pending: row.pending.unsigned_abs(),
        events: row.events.unsigned_abs(),
        copies: row.copies.unsigned_abs(),
        unknown: row.unknown.unsigned_abs(),
        undecodable: row.undecodable.unsigned_abs(),
        late: row.late.unsigned_abs(),
        tied: row.tied.unsigned_abs(),
        submissions: row.submissions.unsigned_abs(),
        files: row.files.unsigned_abs(),
    })
}
