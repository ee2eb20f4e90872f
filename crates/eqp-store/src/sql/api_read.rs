//! `eqp.api_read` and `eqp.api_read_disposition`: what the API reported, and what projection decided about it.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{PgConnection, PgPool, query, query_scalar};
use uuid::Uuid;

use super::column::{ResourceColumns, account, read, resource};
use crate::model::{Account, NewApiRead, PendingReport, ProjectedApiRead, ReadContext, Resource, StoredApiRead};

/// Stores API reads that say something new and queues them for projection, in one statement. Returns how many were stored.
///
/// A read says something new if a status in it differs from the track, if it can settle an ambiguous or unconfirmed track, or if the
/// previous read of the resource was discarded. Every other read only repeats what is known, and is not stored.
pub async fn insert(pool: &PgPool, reads: &[NewApiRead]) -> Result<u64, sqlx::Error> {
    if reads.is_empty() {
        return Ok(0);
    }
    let ids: Vec<Uuid> = reads.iter().map(|_| Uuid::now_v7()).collect();
    let resources: ResourceColumns<'_> = reads.iter().map(|read| &read.resource).collect();
    let began: Vec<_> = reads.iter().map(|read| read.began_at).collect();
    let received: Vec<_> = reads.iter().map(|read| read.received_at).collect();
    let baseline: Vec<_> = reads.iter().map(|read| read.baseline).collect();
    let bodies: Vec<&[u8]> = reads.iter().map(|read| read.body.as_slice()).collect();
    let runs: Vec<_> = reads.iter().map(|read| read.run_id).collect();
    let said = || ids.iter().zip(reads).flat_map(|(id, read)| read.statuses.iter().map(move |status| (*id, status)));
    let (said_by, said): (Vec<Uuid>, Vec<_>) = said().unzip();
    let flows: Vec<&str> = said.iter().map(|(flow, _)| flow.as_str()).collect();
    let statuses: Vec<&str> = said.iter().map(|(_, status)| status.as_str()).collect();
    let stored = query_scalar!(
        r#"
        with new as (
                 select *
                 from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                             $7::boolean[], $8::bytea[], $9::bigint[])
                      as new (id, account_id, resource_kind, resource_id, began_at, received_at, baseline, body, run_id)),
             said as (select * from unnest($10::uuid[], $11::text[], $12::text[]) as said (id, flow, status)),
             stored as (
                 insert into eqp.api_read (id, account_id, resource_kind, resource_id, began_at, received_at, baseline, body,
                                           run_id)
                 select *
                 from new
                 where exists (
                           select
                           from said
                           left join eqp.track on track.account_id = new.account_id
                                              and track.resource_kind = new.resource_kind
                                              and track.resource_id = new.resource_id and track.flow = said.flow
                           where said.id = new.id
                             and (track.id is null or track.status <> said.status or track.ambiguous or track.unconfirmed))
                    or 'discarded' = (
                           select disposition
                           from eqp.api_read as earlier
                           join eqp.api_read_disposition on api_read_id = earlier.id
                           where earlier.account_id = new.account_id and earlier.resource_kind = new.resource_kind
                             and earlier.resource_id = new.resource_id
                           order by earlier.id desc
                           limit 1)
                 returning id)
        insert into eqp.callback_pending (callback_ids)
        select array_agg(id order by id) from stored having count(*) > 0
        returning cardinality(callback_ids) as "stored!"
        "#,
        &ids,
        &resources.accounts,
        &resources.kinds as &[&str],
        &resources.ids as &[&str],
        &began,
        &received,
        &baseline,
        &bodies as &[&[u8]],
        &runs as &[Option<i64>],
        &said_by,
        &flows as &[&str],
        &statuses as &[&str],
    )
    .fetch_optional(pool)
    .await?;
    Ok(stored.map_or(0, |stored| u64::from(stored.unsigned_abs())))
}

/// Returns an API read.
pub(crate) async fn stored(pool: &PgPool, id: Uuid) -> Result<Option<StoredApiRead>, sqlx::Error> {
    let row = query!("select began_at, received_at, baseline, body from eqp.api_read where id = $1", id)
        .fetch_optional(pool)
        .await?;
    Ok(row.map(|row| StoredApiRead {
        id,
        began_at: row.began_at,
        received_at: row.received_at,
        baseline: row.baseline,
        body: row.body,
    }))
}

/// Returns the API reads with these IDs, by ID.
pub(super) async fn pending(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, PendingReport>, sqlx::Error> {
    let rows = query!(
        r#"
        select api_read.id, api_read.account_id, environment, mage_id, resource_kind, resource_id, began_at, received_at,
               baseline, body
        from eqp.api_read
        join eqp.account on account.id = api_read.account_id
        where api_read.id = any($1)
        "#,
        ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            let context = ReadContext {
                resource_kind: read(&row.resource_kind)?,
                resource_id: row.resource_id,
                began_at: row.began_at,
                baseline: row.baseline,
            };
            let report = PendingReport {
                id: row.id,
                account: Arc::new(Account { id: row.account_id, environment, mage_id }),
                received_at: row.received_at,
                body: row.body,
                read: Some(context),
            };
            Ok((row.id, report))
        })
        .collect()
}

/// Stores what projection decided about API reads.
pub async fn insert_dispositions(
    connection: &mut PgConnection,
    projected: &[ProjectedApiRead],
) -> Result<(), sqlx::Error> {
    if projected.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = projected.iter().map(|one| one.api_read_id).collect();
    let ordinals: Vec<_> = projected.iter().map(|one| one.ordinal).collect();
    let dispositions: Vec<_> = projected.iter().map(|one| one.disposition.as_str()).collect();
    query!(
        r#"
        insert into eqp.api_read_disposition (api_read_id, ordinal, disposition)
        select * from unnest($1::uuid[], $2::bigint[], $3::text[])
        "#,
        &ids,
        &ordinals,
        &dispositions as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns what projection decided about these API reads.
pub async fn projected(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, ProjectedApiRead>, sqlx::Error> {
    let rows = query!(
        "select api_read_id, ordinal, disposition from eqp.api_read_disposition where api_read_id = any($1)",
        ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let projected = ProjectedApiRead {
                api_read_id: row.api_read_id,
                disposition: read(&row.disposition)?,
                ordinal: row.ordinal,
            };
            Ok((row.api_read_id, projected))
        })
        .collect()
}

/// Returns whether this API read was projected already.
pub async fn is_known(connection: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    query_scalar!(r#"select exists (select from eqp.api_read_disposition where api_read_id = $1) as "known!""#, id)
        .fetch_one(connection)
        .await
}

/// Returns the projected API reads of each of these resources.
pub async fn of_resources(
    connection: &mut PgConnection,
    resources: &[Resource],
) -> Result<Vec<(Resource, Uuid)>, sqlx::Error> {
    let wanted: ResourceColumns<'_> = resources.iter().collect();
    let rows = query!(
        r#"
        select api_read.account_id, api_read.resource_kind, api_read.resource_id, api_read.id
        from unnest($1::bigint[], $2::text[], $3::text[]) as wanted (account_id, resource_kind, resource_id)
        cross join lateral (
            select account_id, resource_kind, resource_id, id
            from eqp.api_read
            where account_id = wanted.account_id and resource_kind = wanted.resource_kind
              and resource_id = wanted.resource_id
              and exists (select from eqp.api_read_disposition where api_read_id = api_read.id)
            offset 0
        ) as api_read
        "#,
        &wanted.accounts,
        &wanted.kinds as &[&str],
        &wanted.ids as &[&str],
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((resource(row.account_id, &row.resource_kind, row.resource_id)?, row.id))).collect()
}
