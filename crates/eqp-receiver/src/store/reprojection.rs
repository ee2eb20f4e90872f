//! What the callbacks of some subjects were taken for, to be taken for something else.

use std::collections::HashMap;

use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use super::word::{read, timestamp};
use crate::project::{CallbackOutcome, NewEvent, Subject};
use eqp_types::Flow;

/// Callbacks that are projected, from `after` on, in the order of their ids.
pub(crate) async fn projected_after(
    connection: &mut PgConnection,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    query_scalar!(
        r#"
        select callback.id
        from eqp.callback
        where callback.id > $1
          and exists (select from eqp.callback_outcome where callback_id = callback.id)
        order by callback.id
        limit $2
        "#,
        after,
        limit
    )
    .fetch_all(connection)
    .await
}

/// The submissions and files with this id, of all accounts.
pub(crate) async fn subjects_named(connection: &mut PgConnection, id: &str) -> Result<Vec<Subject>, sqlx::Error> {
    let rows = query!(
        "select distinct account_id, kind from eqp.event where subject = $1 and kind in ('submission', 'file')",
        id
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok(Subject { account_id: row.account_id, kind: read(&row.kind)?, id: id.to_owned() }))
        .collect()
}

/// The callbacks behind the events of these subjects; none where an event has none.
pub(crate) async fn origins(
    connection: &mut PgConnection,
    subjects: &[Subject],
) -> Result<Vec<(Subject, Option<Uuid>)>, sqlx::Error> {
    let (mut accounts, mut kinds, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for subject in subjects {
        accounts.push(subject.account_id);
        kinds.push(subject.kind.as_str());
        ids.push(subject.id.as_str());
    }
    let rows = query!(
        r#"
        select event.account_id, event.kind, event.subject as "subject!", event.callback_id
        from unnest($1::bigint[], $2::text[], $3::text[]) as wanted (account_id, kind, subject)
        join eqp.event using (account_id, kind, subject)
        "#,
        &accounts,
        &kinds as &[&str],
        &ids as &[&str],
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let subject = Subject { account_id: row.account_id, kind: read(&row.kind)?, id: row.subject };
            Ok((subject, row.callback_id))
        })
        .collect()
}

/// The copies of these callbacks.
pub(crate) async fn copies_of(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    query_scalar!("select callback_id from eqp.callback_outcome where copy_of = any($1)", ids)
        .fetch_all(connection)
        .await
}

/// What became of callbacks.
pub(crate) async fn outcomes(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, CallbackOutcome>, sqlx::Error> {
    let rows = query!(
        r#"
        select callback_id, kind, subject, modified_at, verdict, copy_of, said, ordinal
        from eqp.callback_outcome
        where callback_id = any($1)
        "#,
        ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let outcome = CallbackOutcome {
                callback_id: row.callback_id,
                kind: read(&row.kind)?,
                subject: row.subject,
                modified_at: timestamp(row.modified_at),
                verdict: read(&row.verdict)?,
                copy_of: row.copy_of,
                said: row.said.and_then(|said| said.try_into().ok()),
                ordinal: row.ordinal.unwrap_or_default(),
            };
            Ok((row.callback_id, outcome))
        })
        .collect()
}

/// The events that callbacks told.
pub(crate) async fn events(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<NewEvent>, sqlx::Error> {
    let rows = query!(
        r#"
        select seq, track_id, account_id, kind, subject, flow, outcome, modified_at, clock_doubtful, received_at, named,
               mark, moved, reason, callback_id as "callback_id!"
        from eqp.event
        where callback_id = any($1)
        "#,
        ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(NewEvent {
                seq: row.seq,
                track_id: row.track_id,
                account_id: row.account_id,
                kind: read(&row.kind)?,
                subject: row.subject,
                flow: row.flow.as_deref().map(Flow::from),
                outcome: row.outcome,
                modified_at: timestamp(row.modified_at),
                clock_doubtful: row.clock_doubtful,
                received_at: row.received_at,
                named: row.named,
                mark: read(&row.mark)?,
                moved: row.moved,
                reason: row.reason,
                callback_id: row.callback_id,
            })
        })
        .collect()
}

/// Takes away what is to be replaced.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    events: &[i64],
    tracks: &[i64],
    outcomes: &[Uuid],
) -> Result<(), sqlx::Error> {
    query!("delete from eqp.event where seq = any($1)", events).execute(&mut *connection).await?;
    query!("delete from eqp.track where id = any($1)", tracks).execute(&mut *connection).await?;
    query!("delete from eqp.callback_outcome where callback_id = any($1)", outcomes).execute(connection).await?;
    Ok(())
}
