//! Reads and writes `eqp.track` for the projector.

use eqp_types::Flow;
use sqlx::{PgConnection, PgPool, query, query_scalar};

use super::column::{ResourceColumns, moment, read, resource, timestamp};
use crate::model::{AccountId, ReportId, Resource, ResourceKind, Track, TrackState, Tracks};

/// Returns all tracks of these resources.
///
/// `offset 0` makes Postgres look up each resource by key. Otherwise it joins in the other order and reads all tracks if it expects only
/// a few.
pub async fn load(connection: &mut PgConnection, resources: &[Resource]) -> Result<Tracks, sqlx::Error> {
    let wanted: ResourceColumns<'_> = resources.iter().collect();
    let rows = query!(
        r#"
        select track.id, track.account_id, track.resource_kind, track.resource_id, track.flow, track.item_id, track.status,
               track.modified_at, track.seen_until, track.ambiguous, track.confirmed_at, track.unconfirmed,
               coalesce(track.history_until, track.seen_until) as history_until, track.received_at, track.callback_id,
               track.api_read_id, coalesce(track.reported_at, track.received_at) as "reported_at!", track.event_seq
        from unnest($1::bigint[], $2::text[], $3::text[]) as wanted (account_id, resource_kind, resource_id)
        cross join lateral (
            select *
            from eqp.track
            where account_id = wanted.account_id and resource_kind = wanted.resource_kind
              and resource_id = wanted.resource_id
            offset 0
        ) as track
        "#,
        &wanted.accounts,
        &wanted.kinds as &[&str],
        &wanted.ids as &[&str],
    )
    .fetch_all(connection)
    .await?;
    let mut tracks = Tracks::new();
    for row in rows {
        let resource = resource(row.account_id, &row.resource_kind, row.resource_id)?;
        tracks.entry(resource).or_default().push(Track {
            id: row.id,
            flow: Flow::from(row.flow.as_str()),
            item_id: row.item_id,
            state: TrackState {
                status: row.status,
                modified_at: timestamp(row.modified_at),
                seen_until: timestamp(row.seen_until),
                ambiguous: row.ambiguous,
                confirmed_at: row.confirmed_at,
                unconfirmed: row.unconfirmed,
                history_until: timestamp(row.history_until),
            },
            received_at: row.received_at,
            report: ReportId::of_columns(row.callback_id, row.api_read_id),
            reported_at: row.reported_at,
            event_seq: row.event_seq,
            changed: false,
        });
    }
    Ok(tracks)
}

/// Inserts new tracks and updates changed ones.
pub async fn save(connection: &mut PgConnection, tracks: &[(Resource, Track)]) -> Result<(), sqlx::Error> {
    let column = |of: fn(&Track) -> i64| tracks.iter().map(|(_, track)| of(track)).collect::<Vec<_>>();
    let resources: ResourceColumns<'_> = tracks.iter().map(|(resource, _)| resource).collect();
    let flows: Vec<_> = tracks.iter().map(|(_, track)| track.flow.as_str()).collect();
    let item_ids: Vec<_> = tracks.iter().map(|(_, track)| track.item_id.as_deref()).collect();
    let statuses: Vec<_> = tracks.iter().map(|(_, track)| track.state.status.as_str()).collect();
    let modified: Vec<_> = tracks.iter().map(|(_, track)| moment(track.state.modified_at)).collect();
    let seen: Vec<_> = tracks.iter().map(|(_, track)| moment(track.state.seen_until)).collect();
    let ambiguous: Vec<_> = tracks.iter().map(|(_, track)| track.state.ambiguous).collect();
    let confirmed: Vec<_> = tracks.iter().map(|(_, track)| track.state.confirmed_at).collect();
    let unconfirmed: Vec<_> = tracks.iter().map(|(_, track)| track.state.unconfirmed).collect();
    let history: Vec<_> = tracks.iter().map(|(_, track)| moment(track.state.history_until)).collect();
    let received: Vec<_> = tracks.iter().map(|(_, track)| track.received_at).collect();
    let callbacks: Vec<_> = tracks.iter().map(|(_, track)| track.report.and_then(ReportId::callback)).collect();
    let reads: Vec<_> = tracks.iter().map(|(_, track)| track.report.and_then(ReportId::api_read)).collect();
    let reported: Vec<_> = tracks.iter().map(|(_, track)| track.reported_at).collect();
    query!(
        r#"
        insert into eqp.track as track (id, account_id, resource_kind, resource_id, flow, item_id, status,
                                        modified_at, seen_until,
                                        ambiguous, received_at, callback_id, event_seq, api_read_id, confirmed_at,
                                        unconfirmed, reported_at, history_until)
        select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::timestamptz[], $9::timestamptz[], $10::boolean[], $11::timestamptz[], $12::uuid[],
                             $13::bigint[], $14::uuid[], $15::timestamptz[], $16::boolean[], $17::timestamptz[],
                             $18::timestamptz[])
        on conflict (id) do update
        set item_id       = excluded.item_id,
            status        = excluded.status,
            modified_at   = excluded.modified_at,
            seen_until    = excluded.seen_until,
            ambiguous     = excluded.ambiguous,
            received_at   = excluded.received_at,
            callback_id   = excluded.callback_id,
            event_seq     = excluded.event_seq,
            api_read_id   = excluded.api_read_id,
            confirmed_at  = excluded.confirmed_at,
            unconfirmed   = excluded.unconfirmed,
            reported_at   = excluded.reported_at,
            history_until = excluded.history_until
        "#,
        &column(|track| track.id),
        &resources.accounts,
        &resources.kinds as &[&str],
        &resources.ids as &[&str],
        &flows as &[&str],
        &item_ids as &[Option<&str>],
        &statuses as &[&str],
        &modified as &[Option<time::OffsetDateTime>],
        &seen as &[Option<time::OffsetDateTime>],
        &ambiguous,
        &received,
        &callbacks as &[Option<uuid::Uuid>],
        &column(|track| track.event_seq),
        &reads as &[Option<uuid::Uuid>],
        &confirmed as &[Option<time::OffsetDateTime>],
        &unconfirmed,
        &reported,
        &history as &[Option<time::OffsetDateTime>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns the IDs of files whose scan has not ended as far as is known, at most `limit`, those without a report for longest first.
pub async fn unfinished_files(pool: &PgPool, account: AccountId, limit: i64) -> Result<Vec<String>, sqlx::Error> {
    query_scalar!(
        r#"
        select resource_id
        from eqp.track
        where account_id = $1 and flow = 'malware' and status not in ('passed', 'failed') and resource_kind = 'file'
        order by coalesce(reported_at, received_at), resource_id
        limit $2
        "#,
        account.0,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Returns the resources of an account that only another API read can settle, at most `limit`: those with an ambiguous or unconfirmed
/// track, and those whose newest API read was discarded.
pub async fn to_read_again(pool: &PgPool, account: AccountId, limit: i64) -> Result<Vec<Resource>, sqlx::Error> {
    let rows = query!(
        r#"
        select resource_kind as "resource_kind!", resource_id as "resource_id!"
        from (select resource_kind, resource_id from eqp.track where account_id = $1 and ambiguous
              union
              select resource_kind, resource_id from eqp.track where account_id = $1 and unconfirmed
              union
              select discarded.resource_kind, discarded.resource_id
              from eqp.api_read_disposition as disposition
              join eqp.api_read as discarded on discarded.id = disposition.api_read_id
              where disposition.disposition = 'discarded' and discarded.account_id = $1
                and not exists (select
                                from eqp.api_read as later
                                where later.account_id = $1 and later.resource_kind = discarded.resource_kind
                                  and later.resource_id = discarded.resource_id and later.id > discarded.id)
             ) as resource
        order by resource_kind, resource_id
        limit $2
        "#,
        account.0,
        limit
    )
    .fetch_all(pool)
    .await?;
    let resource = |kind: String, id| {
        Ok::<_, sqlx::Error>(Resource { account_id: account.0, kind: read::<ResourceKind>(&kind)?, id })
    };
    rows.into_iter().map(|row| resource(row.resource_kind, row.resource_id)).collect()
}
