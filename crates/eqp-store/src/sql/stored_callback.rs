//! Reads stored callbacks, and counts rows, for readers.

use eqp_types::Environment;
use sqlx::{PgPool, query};
use uuid::Uuid;

use super::callback::noted_target;
use super::column::{account, read};
use crate::model::{Counts, DuplicateCallback, StoredCallback};

/// The maximum number of duplicates that are listed.
const MAX_DUPLICATES: i64 = 1000;

/// Returns a callback with its disposition.
pub(crate) async fn callback(pool: &PgPool, id: Uuid) -> Result<Option<StoredCallback>, sqlx::Error> {
    let row = query!(
        r#"
        select callback.id, account.environment, account.mage_id, endpoint.name, callback.received_at,
               host(callback.source) as "source!", callback.headers, callback.body,
               projected.disposition as "disposition?", projected.duplicate_of as "duplicate_of?"
        from eqp.callback
        join eqp.endpoint on endpoint.id = callback.endpoint_id
        join eqp.account on account.id = endpoint.account_id
        left join eqp.callback_disposition as projected on projected.callback_id = callback.id
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
        disposition: row.disposition.as_deref().map(read).transpose()?,
        duplicate_of: row.duplicate_of,
    }))
}

/// Returns the duplicates of a callback, in the order of arrival.
pub(crate) async fn duplicates(pool: &PgPool, id: Uuid) -> Result<Vec<DuplicateCallback>, sqlx::Error> {
    let rows = query!(
        r#"
        select callback.id, callback.received_at, endpoint.name
        from eqp.callback_disposition as projected
        join eqp.callback on callback.id = projected.callback_id
        join eqp.endpoint on endpoint.id = callback.endpoint_id
        where projected.duplicate_of = $1
        order by projected.callback_id
        limit $2
        "#,
        id,
        MAX_DUPLICATES
    )
    .fetch_all(pool)
    .await?;
    let duplicate = |(id, received_at, endpoint)| DuplicateCallback { id, received_at, endpoint };
    Ok(rows.into_iter().map(|row| duplicate((row.id, row.received_at, row.name))).collect())
}

/// Counts the callbacks without canaries, the events and the resources of one environment or of all.
pub(crate) async fn counts(pool: &PgPool, environment: Option<Environment>) -> Result<Counts, sqlx::Error> {
    let row = query!(
        r#"
        with accounts as (select id from eqp.account where $1::text is null or environment = $1),
             endpoints as (select id from eqp.endpoint where account_id in (select id from accounts)),
             stored as (
                 select count(*) as callbacks, count(*) filter (where projected.callback_id is null) as pending,
                        count(*) filter (where projected.disposition = 'duplicate') as duplicates
                 from eqp.callback
                 left join eqp.callback_disposition as projected on projected.callback_id = callback.id
                 where callback.endpoint_id in (select id from endpoints) and callback.credential_id >= 0),
             reported as (
                 select count(*) filter (where kind in ('submission', 'file')) as events,
                        count(*) filter (where kind = 'unknown') as unknown,
                        count(*) filter (where kind = 'undecodable') as undecodable,
                        count(*) filter (where disposition = 'late') as late,
                        count(*) filter (where disposition = 'ambiguous') as ambiguous,
                        count(*) filter (where disposition = 'corrected') as corrected
                 from eqp.event
                 where account_id in (select id from accounts)),
             known as (
                 select count(distinct (account_id, resource_id)) filter (where resource_kind = 'submission') as submissions,
                        count(distinct (account_id, resource_id)) filter (where resource_kind = 'file') as files
                 from eqp.track
                 where account_id in (select id from accounts))
        select callbacks as "callbacks!", pending as "pending!", duplicates as "duplicates!", events as "events!",
               unknown as "unknown!", undecodable as "undecodable!", late as "late!", ambiguous as "ambiguous!",
               corrected as "corrected!", submissions as "submissions!", files as "files!"
        from stored, reported, known
        "#,
        environment.map(Environment::as_str)
    )
    .fetch_one(pool)
    .await?;
    Ok(Counts {
        callbacks_received: row.callbacks.unsigned_abs(),
        pending: row.pending.unsigned_abs(),
        events: row.events.unsigned_abs(),
        duplicates: row.duplicates.unsigned_abs(),
        unknown: row.unknown.unsigned_abs(),
        undecodable: row.undecodable.unsigned_abs(),
        late: row.late.unsigned_abs(),
        ambiguous: row.ambiguous.unsigned_abs(),
        corrected: row.corrected.unsigned_abs(),
        submissions: row.submissions.unsigned_abs(),
        files: row.files.unsigned_abs(),
    })
}
