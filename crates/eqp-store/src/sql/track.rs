//! Reads and writes `eqp.track` for the projector.

use eqp_types::Flow;
use sqlx::{PgConnection, query};

use super::column::{ResourceColumns, moment, resource, timestamp};
use crate::model::{Resource, Track, TrackState, Tracks};

/// Returns all tracks of these resources.
///
/// `offset 0` makes Postgres look up each resource by key. Otherwise it joins in the other order and reads all tracks if it expects only
/// a few.
pub async fn load(connection: &mut PgConnection, resources: &[Resource]) -> Result<Tracks, sqlx::Error> {
    let wanted: ResourceColumns<'_> = resources.iter().collect();
    let rows = query!(
        r#"
        select track.id, track.account_id, track.resource_kind, track.resource_id, track.flow, track.item_id, track.status,
               track.modified_at, track.seen_until, track.ambiguous, track.received_at, track.callback_id, track.event_seq
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
            },
            received_at: row.received_at,
            callback_id: row.callback_id,
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
    let received: Vec<_> = tracks.iter().map(|(_, track)| track.received_at).collect();
    let callbacks: Vec<_> = tracks.iter().map(|(_, track)| track.callback_id).collect();
    query!(
        r#"
        insert into eqp.track as track (id, account_id, resource_kind, resource_id, flow, item_id, status,
                                        modified_at, seen_until,
                                        ambiguous, received_at, callback_id, event_seq)
        select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::timestamptz[], $9::timestamptz[], $10::boolean[], $11::timestamptz[], $12::uuid[],
                             $13::bigint[])
        on conflict (id) do update
        set item_id     = excluded.item_id,
            status      = excluded.status,
            modified_at = excluded.modified_at,
            seen_until  = excluded.seen_until,
            ambiguous   = excluded.ambiguous,
            received_at = excluded.received_at,
            callback_id = excluded.callback_id,
            event_seq   = excluded.event_seq
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
    )
    .execute(connection)
    .await?;
    Ok(())
}
