//! What became of each callback.

use std::collections::HashMap;

use sqlx::{PgConnection, query};
use uuid::Uuid;

use super::word::moment;
use crate::project::{CallbackOutcome, Said};

/// The callbacks that said one of these first, or that they are copies of.
pub(crate) async fn said_before(
    connection: &mut PgConnection,
    said: &[Said],
) -> Result<HashMap<Said, Uuid>, sqlx::Error> {
    let said: Vec<&[u8]> = said.iter().map(<[u8; 16]>::as_slice).collect();
    let rows = query!(
        r#"
        select said as "said!", coalesce(copy_of, callback_id) as "first!"
        from eqp.callback_outcome
        where said = any($1)
        "#,
        &said as &[&[u8]],
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.said.try_into().ok()?, row.first))).collect())
}

/// Writes what became of callbacks.
pub(crate) async fn insert(connection: &mut PgConnection, outcomes: &[CallbackOutcome]) -> Result<(), sqlx::Error> {
    let callbacks: Vec<_> = outcomes.iter().map(|outcome| outcome.callback_id).collect();
    let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.kind.as_str()).collect();
    let subjects: Vec<_> = outcomes.iter().map(|outcome| outcome.subject.as_deref()).collect();
    let modified: Vec<_> = outcomes.iter().map(|outcome| moment(outcome.modified_at)).collect();
    let verdicts: Vec<_> = outcomes.iter().map(|outcome| outcome.verdict.as_str()).collect();
    let copies: Vec<_> = outcomes.iter().map(|outcome| outcome.copy_of).collect();
    let ordinals: Vec<_> = outcomes.iter().map(|outcome| outcome.ordinal).collect();
    let said: Vec<_> = outcomes.iter().map(|outcome| outcome.said.as_ref().map(<[u8; 16]>::as_slice)).collect();
    query!(
        r#"
        insert into eqp.callback_outcome (callback_id, kind, subject, modified_at, verdict, copy_of, said, ordinal)
        select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::uuid[], $7::bytea[],
                             $8::bigint[])
        "#,
        &callbacks,
        &kinds as &[&str],
        &subjects as &[Option<&str>],
        &modified as &[Option<time::OffsetDateTime>],
        &verdicts as &[&str],
        &copies as &[Option<Uuid>],
        &said as &[Option<&[u8]>],
        &ordinals,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What became of this callback is written already.
pub(crate) async fn is_known(connection: &mut PgConnection, callback_id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from eqp.callback_outcome where callback_id = $1) as "known!""#,
        callback_id
    )
    .fetch_one(connection)
    .await
}
