//! Reads and writes `eqp.event` for the projector. Lists for readers are in `listing`.

use eqp_types::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder, Row, query};
use uuid::Uuid;

use super::column::{Column, account, get};
use crate::model::{Event, HistoryEntry, ReportId};

/// Generates every statement that reads or writes whole events from one list of their columns.
///
/// These statements are not checked at compile time: sqlx's macros need the text of a statement. Every test of the
/// projector runs them.
macro_rules! columns {
    ($first:ident: $first_type:ident, $($column:ident: $type:ident,)*) => {
        /// The start of a query for events, up to the table that it calls `event`.
        const SELECT: &str = concat!(
            "select account.environment, account.mage_id, track.item_id, event.", stringify!($first),
            $(", event.", stringify!($column),)*
            " from "
        );

        #[doc(hidden)] // How rows are read is not part of the public API.
        impl FromRow<'_, PgRow> for Event {
            fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
                let (environment, mage_id) = account(row.try_get("environment")?, row.try_get("mage_id")?)?;
                Ok(Self {
                    environment,
                    mage_id,
                    item_id: row.try_get("item_id")?,
                    $first: get(row, stringify!($first))?,
                    $($column: get(row, stringify!($column))?,)*
                })
            }
        }

        /// Inserts events.
        pub async fn insert(connection: &mut PgConnection, events: &[Event]) -> Result<(), sqlx::Error> {
            let mut query: QueryBuilder<Postgres> = QueryBuilder::new(concat!(
                "insert into eqp.event (", stringify!($first),
                $(", ", stringify!($column),)*
                ") select * from unnest("
            ));
            query
                .push_bind(events.iter().map(|event| event.$first.bound()).collect::<Vec<_>>())
                .push(concat!("::", stringify!($first_type), "[]"));
            $(
                query
                    .push(", ")
                    .push_bind(events.iter().map(|event| event.$column.bound()).collect::<Vec<_>>())
                    .push(concat!("::", stringify!($type), "[]"));
            )*
            query.push(")").build().execute(connection).await?;
            Ok(())
        }
    };
}

columns! {
    seq: bigint,
    track_id: bigint,
    account_id: bigint,
    kind: text,
    resource_id: text,
    flow: text,
    status: text,
    modified_at: timestamptz,
    clock_doubtful: boolean,
    received_at: timestamptz,
    origin: text,
    explicit: boolean,
    disposition: text,
    applied: boolean,
    reason: text,
    callback_id: uuid,
    api_read_id: uuid,
}

/// The events to select from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    All,
    /// The newest events, at most as many as given.
    Newest(i64),
}

/// Starts a query for events with their account and `item_id`; conditions follow as ` and …`.
///
/// The joins come after `event`, so that Postgres reads events in the order of an index that ends in `seq`.
pub(super) fn select(source: Source) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(SELECT);
    match source {
        Source::All => query.push("eqp.event"),
        Source::Newest(count) => {
            query.push("(select * from eqp.event order by seq desc limit ").push_bind(count).push(") as event")
        }
    };
    query.push(
        " join eqp.account on account.id = event.account_id left join eqp.track on track.id = event.track_id where true",
    );
    query
}

/// Returns the events of these callbacks and API reads.
pub async fn of_reports(connection: &mut PgConnection, reports: &[ReportId]) -> Result<Vec<Event>, sqlx::Error> {
    let callbacks: Vec<Uuid> = reports.iter().filter_map(|report| report.callback()).collect();
    let reads: Vec<Uuid> = reports.iter().filter_map(|report| report.api_read()).collect();
    let mut events = Vec::new();
    // Two statements, so that each uses its index.
    for (condition, ids) in [(" and event.callback_id = any(", callbacks), (" and event.api_read_id = any(", reads)] {
        if ids.is_empty() {
            continue;
        }
        let mut query = select(Source::All);
        query.push(condition).push_bind(ids).push(")");
        events.extend(query.build_query_as::<Event>().fetch_all(&mut *connection).await?);
    }
    Ok(events)
}

/// Returns, for each track and time, its events at that time, the last one before it and the first one after it. Events
/// whose time is not trusted are omitted.
///
/// Each part of the query uses the index `event_by_track_time`: it first searches for the neighbouring time, and then reads the few
/// events with this time. `offset 0` prevents a scan of all events by `seq`, which the planner prefers if its statistics are stale.
/// `limit 1` is used instead of an aggregate, with which Postgres could read all times of a track.
pub async fn history(
    connection: &mut PgConnection,
    wanted: impl IntoIterator<Item = (i64, Timestamp)>,
) -> Result<Vec<HistoryEntry>, sqlx::Error> {
    let (tracks, times): (Vec<i64>, Vec<_>) = wanted.into_iter().map(|(track, at)| (track, at.to_utc())).unzip();
    if tracks.is_empty() {
        return Ok(Vec::new());
    }
    let rows = query!(
        r#"
        select wanted.track_id as "track_id!", near.modified_at as "modified_at!", near.seq as "seq!",
               near.status as "status!", near.callback_id, near.api_read_id
        from unnest($1::bigint[], $2::timestamptz[]) as wanted (track_id, at)
        cross join lateral (
            (select modified_at, seq, status, callback_id, api_read_id
             from eqp.event
             where track_id = wanted.track_id and modified_at = wanted.at and not clock_doubtful)
            union all
            (select *
             from (select modified_at, seq, status, callback_id, api_read_id
                   from eqp.event
                   where track_id = wanted.track_id and not clock_doubtful
                     and modified_at = (select modified_at
                                        from eqp.event
                                        where track_id = wanted.track_id and modified_at < wanted.at
                                          and not clock_doubtful
                                        order by modified_at desc
                                        limit 1)
                   offset 0) as last_before
             order by seq desc
             limit 1)
            union all
            (select *
             from (select modified_at, seq, status, callback_id, api_read_id
                   from eqp.event
                   where track_id = wanted.track_id and not clock_doubtful
                     and modified_at = (select modified_at
                                        from eqp.event
                                        where track_id = wanted.track_id and modified_at > wanted.at
                                          and not clock_doubtful
                                        order by modified_at
                                        limit 1)
                   offset 0) as first_after
             order by seq
             limit 1)
        ) as near
        "#,
        &tracks,
        &times,
    )
    .fetch_all(connection)
    .await?;
    let past = rows.into_iter().map(|row| HistoryEntry {
        track_id: row.track_id,
        modified_at: Timestamp::of(row.modified_at),
        seq: row.seq,
        status: row.status,
        report: ReportId::of_columns(row.callback_id, row.api_read_id),
    });
    Ok(past.collect())
}
