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

/// How the target of a request is kept among its headers. No header has such a name.
const TARGET: &str = ":path: ";
/// A longer target is cut.
const LONGEST_TARGET: usize = 2_000;

impl CallbackRow {
    /// Notes that it arrived at another path or query than registered. It stands among the headers, as HTTP/2 has it, and
    /// not in a column of its own: almost no callback has one, and each column costs every batch.
    pub(crate) fn note_target(&mut self, target: &str) {
        let target = &target[..target.floor_char_boundary(LONGEST_TARGET)];
        for part in [TARGET, target, "\r\n"] {
            self.headers.extend_from_slice(part.as_bytes());
        }
    }
}

/// The path and query at which a callback arrived, where they are not the registered ones.
pub(crate) fn noted_target(headers: &[u8]) -> Option<String> {
    let mut lines = headers.split(|byte| *byte == b'\n');
    let target = lines.find_map(|line| line.strip_prefix(TARGET.as_bytes()))?;
    Some(String::from_utf8_lossy(target.trim_ascii_end()).into_owned())
}

impl AsRef<Self> for CallbackRow {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[cfg(test)]
impl CallbackRow {
    /// One that has just arrived, for tests.
    pub(crate) fn arrived(body: impl Into<Bytes>) -> Self {
        Self {
            id: Uuid::now_v7(),
            endpoint_id: 1,
            credential_id: 1,
            received_at: OffsetDateTime::now_utc(),
            source: [127, 0, 0, 1].into(),
            headers: Vec::new(),
            body: body.into(),
        }
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
        rows => {
            let columns = Columns::of(rows);
            match insert_new(connection, &columns, via).await {
                Err(error) if is_there_already(&error) => insert_missing(connection, &columns, via).await,
                outcome => outcome,
            }
        }
    }
}

fn is_there_already(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
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

/// Rows turned into the arrays that a statement takes.
struct Columns<'a> {
    ids: Vec<Uuid>,
    endpoint_ids: Vec<i64>,
    credential_ids: Vec<i64>,
    received: Vec<OffsetDateTime>,
    sources: Vec<IpAddr>,
    headers: Vec<&'a [u8]>,
    bodies: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of<Row: AsRef<CallbackRow>>(rows: &'a [Row]) -> Self {
        let count = rows.len();
        let mut columns = Self {
            ids: Vec::with_capacity(count),
            endpoint_ids: Vec::with_capacity(count),
            credential_ids: Vec::with_capacity(count),
            received: Vec::with_capacity(count),
            sources: Vec::with_capacity(count),
            headers: Vec::with_capacity(count),
            bodies: Vec::with_capacity(count),
        };
        for row in rows.iter().map(AsRef::as_ref) {
            columns.ids.push(row.id);
            columns.endpoint_ids.push(row.endpoint_id);
            columns.credential_ids.push(row.credential_id);
            columns.received.push(row.received_at);
            columns.sources.push(row.source);
            columns.headers.push(&row.headers);
            columns.bodies.push(&row.body);
        }
        columns
    }
}

/// For callbacks of which none is there yet; fails as a whole where one is. `on conflict` costs Postgres a second look
/// into the index and one more record in its log for each row, and almost every batch is new.
async fn insert_new(connection: &mut PgConnection, columns: &Columns<'_>, via: Via) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        with queued as (
            insert into eqp.callback_pending (callback_ids)
            select $1::uuid[] where set_config('synchronous_commit', case
                when current_setting('synchronous_commit') = 'off' then 'on'
                else current_setting('synchronous_commit') end, true) is not null
        )
        insert into eqp.callback
            (id, endpoint_id, credential_id, received_at, source, headers, body, via)
        select id, endpoint_id, credential_id, received_at, source, headers, body, $8
        from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::inet[], $6::bytea[], $7::bytea[])
            as arrived (id, endpoint_id, credential_id, received_at, source, headers, body)
        "#,
        &columns.ids,
        &columns.endpoint_ids,
        &columns.credential_ids,
        &columns.received,
        &columns.sources as _,
        &columns.headers as _,
        &columns.bodies as _,
        via.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// For callbacks of which some are there already, from a write whose answer was lost.
async fn insert_missing(connection: &mut PgConnection, columns: &Columns<'_>, via: Via) -> Result<(), sqlx::Error> {
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
        &columns.ids,
        &columns.endpoint_ids,
        &columns.credential_ids,
        &columns.received,
        &columns.sources as _,
        &columns.headers as _,
        &columns.bodies as _,
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
