//! Events, as the projector writes them and asks for them.

use eqp_types::Timestamp;
use sqlx::{PgConnection, query};

use super::word::moment;
use crate::project::{History, NewEvent, Past};

/// For each track and time: its events at that time, the last before and the first after it. Events whose time is not
/// trusted are left out.
///
/// Each part is asked in the order of the index `event_once`, without which it would read and sort all events of a track:
/// first for the neighbouring time, then among the few events that bear it. `offset 0` keeps the planner from walking
/// along all events by `seq` instead, which it prefers where statistics are stale.
pub(crate) async fn history(
    connection: &mut PgConnection,
    wanted: impl IntoIterator<Item = (i64, Timestamp)>,
) -> Result<History, sqlx::Error> {
    let (tracks, times): (Vec<i64>, Vec<_>) = wanted.into_iter().map(|(track, at)| (track, at.moment())).unzip();
    let mut history = History::default();
    if tracks.is_empty() {
        return Ok(history);
    }
    let rows = query!(
        r#"
        select wanted.track_id as "track_id!", near.modified_at as "modified_at!", near.seq as "seq!",
               near.outcome as "outcome!", near.callback_id
        from unnest($1::bigint[], $2::timestamptz[]) as wanted (track_id, at)
        cross join lateral (
            (select modified_at, seq, outcome, callback_id
             from eqp.event
             where track_id = wanted.track_id and modified_at = wanted.at and not clock_doubtful)
            union all
            (select *
             from (select modified_at, seq, outcome, callback_id
                   from eqp.event
                   where track_id = wanted.track_id and not clock_doubtful
                     and modified_at = (select max(modified_at)
                                        from eqp.event
                                        where track_id = wanted.track_id and modified_at < wanted.at
                                          and not clock_doubtful)
                   offset 0) as last_before
             order by seq desc
             limit 1)
            union all
            (select *
             from (select modified_at, seq, outcome, callback_id
                   from eqp.event
                   where track_id = wanted.track_id and not clock_doubtful
                     and modified_at = (select min(modified_at)
                                        from eqp.event
                                        where track_id = wanted.track_id and modified_at > wanted.at
                                          and not clock_doubtful)
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
    for row in rows {
        history.add(Past {
            track_id: row.track_id,
            modified_at: Timestamp::of(row.modified_at),
            seq: row.seq,
            outcome: row.outcome,
            callback_id: row.callback_id,
        });
    }
    Ok(history)
}

/// Writes events.
pub(crate) async fn insert(connection: &mut PgConnection, events: &[NewEvent]) -> Result<(), sqlx::Error> {
    let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
    let tracks: Vec<_> = events.iter().map(|event| event.track_id).collect();
    let accounts: Vec<_> = events.iter().map(|event| event.account_id).collect();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    let subjects: Vec<_> = events.iter().map(|event| event.subject.as_deref()).collect();
    let flows: Vec<_> = events.iter().map(|event| event.flow.as_ref().map(eqp_types::Flow::as_str)).collect();
    let outcomes: Vec<_> = events.iter().map(|event| event.outcome.as_deref()).collect();
    let modified: Vec<_> = events.iter().map(|event| moment(event.modified_at)).collect();
    let doubtful: Vec<_> = events.iter().map(|event| event.clock_doubtful).collect();
    let received: Vec<_> = events.iter().map(|event| event.received_at).collect();
    let named: Vec<_> = events.iter().map(|event| event.named).collect();
    let marks: Vec<_> = events.iter().map(|event| event.mark.as_str()).collect();
    let moved: Vec<_> = events.iter().map(|event| event.moved).collect();
    let reasons: Vec<_> = events.iter().map(|event| event.reason.as_deref()).collect();
    let callbacks: Vec<_> = events.iter().map(|event| event.callback_id).collect();
    query!(
        r#"
        insert into eqp.event (seq, track_id, account_id, kind, subject, flow, outcome, modified_at, received_at,
                               named, mark, moved, reason, callback_id, clock_doubtful, origin)
        select *, 'callback'
        from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
                    $8::timestamptz[], $9::timestamptz[], $10::boolean[], $11::text[], $12::boolean[], $13::text[],
                    $14::uuid[], $15::boolean[])
        "#,
        &seqs,
        &tracks as &[Option<i64>],
        &accounts,
        &kinds as &[&str],
        &subjects as &[Option<&str>],
        &flows as &[Option<&str>],
        &outcomes as &[Option<&str>],
        &modified as &[Option<time::OffsetDateTime>],
        &received,
        &named,
        &marks as &[&str],
        &moved,
        &reasons as &[Option<&str>],
        &callbacks,
        &doubtful,
    )
    .execute(connection)
    .await?;
    Ok(())
}
