//! Tracks: the current state of everything.

use eqp_types::Flow;
use sqlx::{PgConnection, query};

use super::word::{moment, read, timestamp};
use crate::project::{State, Subject, Track, Tracks};

/// All tracks of these subjects.
pub(crate) async fn load(connection: &mut PgConnection, subjects: &[Subject]) -> Result<Tracks, sqlx::Error> {
    let (mut accounts, mut kinds, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for subject in subjects {
        accounts.push(subject.account_id);
        kinds.push(subject.kind.as_str());
        ids.push(subject.id.as_str());
    }
    let rows = query!(
        r#"
        select track.id, track.account_id, track.kind, track.subject, track.flow, track.item_id, track.outcome,
               track.modified_at, track.seen_until, track.tied, track.received_at, track.callback_id, track.event_seq
        from unnest($1::bigint[], $2::text[], $3::text[]) as wanted (account_id, kind, subject)
        join eqp.track using (account_id, kind, subject)
        "#,
        &accounts,
        &kinds as &[&str],
        &ids as &[&str],
    )
    .fetch_all(connection)
    .await?;
    let mut tracks = Tracks::new();
    for row in rows {
        let subject = Subject { account_id: row.account_id, kind: read(&row.kind)?, id: row.subject };
        tracks.entry(subject).or_default().push(Track {
            id: row.id,
            flow: Flow::from(row.flow.as_str()),
            item_id: row.item_id,
            state: State {
                outcome: row.outcome,
                modified_at: timestamp(row.modified_at),
                seen_until: timestamp(row.seen_until),
                tied: row.tied,
            },
            received_at: row.received_at,
            callback_id: row.callback_id,
            event_seq: row.event_seq,
            changed: false,
        });
    }
    Ok(tracks)
}

/// Writes tracks, new and changed ones.
pub(crate) async fn save(connection: &mut PgConnection, tracks: &[(Subject, Track)]) -> Result<(), sqlx::Error> {
    let column = |of: fn(&Track) -> i64| tracks.iter().map(|(_, track)| of(track)).collect::<Vec<_>>();
    let accounts: Vec<_> = tracks.iter().map(|(subject, _)| subject.account_id).collect();
    let kinds: Vec<_> = tracks.iter().map(|(subject, _)| subject.kind.as_str()).collect();
    let subjects: Vec<_> = tracks.iter().map(|(subject, _)| subject.id.as_str()).collect();
    let flows: Vec<_> = tracks.iter().map(|(_, track)| track.flow.as_str()).collect();
    let item_ids: Vec<_> = tracks.iter().map(|(_, track)| track.item_id.as_deref()).collect();
    let outcomes: Vec<_> = tracks.iter().map(|(_, track)| track.state.outcome.as_str()).collect();
    let modified: Vec<_> = tracks.iter().map(|(_, track)| moment(track.state.modified_at)).collect();
    let seen: Vec<_> = tracks.iter().map(|(_, track)| moment(track.state.seen_until)).collect();
    let tied: Vec<_> = tracks.iter().map(|(_, track)| track.state.tied).collect();
    let received: Vec<_> = tracks.iter().map(|(_, track)| track.received_at).collect();
    let callbacks: Vec<_> = tracks.iter().map(|(_, track)| track.callback_id).collect();
    query!(
        r#"
        insert into eqp.track as track (id, account_id, kind, subject, flow, item_id, outcome, modified_at, seen_until,
                                        tied, received_at, callback_id, event_seq)
        select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::timestamptz[], $9::timestamptz[], $10::boolean[], $11::timestamptz[], $12::uuid[],
                             $13::bigint[])
        on conflict (id) do update
        set item_id     = excluded.item_id,
            outcome     = excluded.outcome,
            modified_at = excluded.modified_at,
            seen_until  = excluded.seen_until,
            tied        = excluded.tied,
            received_at = excluded.received_at,
            callback_id = excluded.callback_id,
            event_seq   = excluded.event_seq
        "#,
        &column(|track| track.id),
        &accounts,
        &kinds as &[&str],
        &subjects as &[&str],
        &flows as &[&str],
        &item_ids as &[Option<&str>],
        &outcomes as &[&str],
        &modified as &[Option<time::OffsetDateTime>],
        &seen as &[Option<time::OffsetDateTime>],
        &tied,
        &received,
        &callbacks as &[Option<uuid::Uuid>],
        &column(|track| track.event_seq),
    )
    .execute(connection)
    .await?;
    Ok(())
}
