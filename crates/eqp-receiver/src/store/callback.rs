//! `eqp.callback` and its queue `eqp.callback_pending`: the writes of the lane.

use std::net::IpAddr;

use bytes::Bytes;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// One callback as it is kept.
#[derive(Debug)]
pub(crate) struct CallbackRow {
    pub(crate) id: Uuid,
    pub(crate) endpoint_id: i64,
    pub(crate) credential_id: i64,
    pub(crate) received_at: OffsetDateTime,
    pub(crate) source: IpAddr,
    pub(crate) headers: Vec<u8>,
    pub(crate) body: Bytes,
}

impl AsRef<Self> for CallbackRow {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// How a callback became durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// Straight.
    Lane,
    /// First on this machine's disk.
    Spool,
}

impl Via {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lane => "lane",
            Self::Spool => "spool",
        }
    }
}

/// Stores callbacks and queues them for projection, all or none, in one statement that commits by itself. A callback
/// that is there already is left alone and not queued again, so that repeating an unknown write is safe.
///
/// `synchronous_commit = off`, of whatever a role, a database or a pooler sets, would let Postgres answer before the
/// disk has it. The statements put it right for themselves; nothing else would hold for every connection of a pooler.
pub(crate) async fn insert<Row: AsRef<CallbackRow>>(
    connection: &mut PgConnection,
    rows: &[Row],
    via: Via,
) -> Result<(), sqlx::Error> {
    match rows {
        [] => Ok(()),
        [row] => insert_one(connection, row.as_ref(), via).await,
        rows => insert_many(connection, rows, via).await,
    }
}

/// The plan for one row is so much cheaper that it is worth a statement of its own.
async fn insert_one(connection: &mut PgConnection, row: &CallbackRow, via: Via) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        with stored as (
            insert into eqp.callback
                (id, endpoint_id, credential_id, received_at, source, headers, body, via)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (id) do nothing
            returning id
        )
        insert into eqp.callback_pending (callback_ids)
        select array[id] from stored where set_config('synchronous_commit', case
            when current_setting('synchronous_commit') = 'off' then 'on'
            else current_setting('synchronous_commit') end, true) is not null
        "#,
        row.id,
        row.endpoint_id,
        row.credential_id,
        row.received_at,
        row.source as _,
        row.headers,
        &*row.body,
        via.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_many<Row: AsRef<CallbackRow>>(
    connection: &mut PgConnection,
    rows: &[Row],
    via: Via,
) -> Result<(), sqlx::Error> {
    let count = rows.len();
    let mut ids = Vec::with_capacity(count);
    let mut endpoint_ids = Vec::with_capacity(count);
    let mut credential_ids = Vec::with_capacity(count);
    let mut received = Vec::with_capacity(count);
    let mut sources = Vec::with_capacity(count);
    let mut headers: Vec<&[u8]> = Vec::with_capacity(count);
    let mut bodies: Vec<&[u8]> = Vec::with_capacity(count);
    for row in rows.iter().map(AsRef::as_ref) {
        ids.push(row.id);
        endpoint_ids.push(row.endpoint_id);
        credential_ids.push(row.credential_id);
        received.push(row.received_at);
        sources.push(row.source);
        headers.push(&row.headers);
        bodies.push(&row.body);
    }
    sqlx::query!(
        r#"
        with stored as (
            insert into eqp.callback
                (id, endpoint_id, credential_id, received_at, source, headers, body, via)
            select id, endpoint_id, credential_id, received_at, source, headers, body, $8
            from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::inet[], $6::bytea[], $7::bytea[])
                as arrived (id, endpoint_id, credential_id, received_at, source, headers, body)
            on conflict (id) do nothing
            returning id
        )
        insert into eqp.callback_pending (callback_ids)
        select array_agg(id) from stored having count(*) > 0 and set_config('synchronous_commit', case
            when current_setting('synchronous_commit') = 'off' then 'on'
            else current_setting('synchronous_commit') end, true) is not null
        "#,
        &ids,
        &endpoint_ids,
        &credential_ids,
        &received,
        &sources as _,
        &headers as _,
        &bodies as _,
        via.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a write would be taken now, as far as can be told without one.
pub(crate) async fn can_write(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select not current_setting('transaction_read_only')::boolean
           and to_regclass('eqp.callback') is not null
           and to_regclass('eqp.callback_pending') is not null as "writable!"
        "#
    )
    .fetch_one(connection)
    .await
}
