//! Waits until the system quiesces, and checks the invariants.

use futures_util::TryStreamExt;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Failure;
use crate::body::number_of;
use crate::deadline::{PATIENCE, until};
use crate::journal::{self, Entry, Stored};
use crate::report::Report;
use crate::setup::TestSetup;

/// Waits until the receivers are ready and nothing is pending, then checks that the round's answered callbacks are
/// stored.
pub(crate) async fn check_round(
    setup: &TestSetup,
    round: u32,
    answered: &[Entry],
    report: &mut Report,
) -> Result<(), Failure> {
    let pool = &setup.database.pool;
    let is_quiescent = async || setup.is_healthy().await && matches!(pending(pool).await, Ok(0));
    if !until(PATIENCE, is_quiescent).await {
        let pending = pending(pool).await.map_or_else(|error| error.to_string(), |count| count.to_string());
        let said = setup.complaint(&format!("{pending} batches pending")).await;
        report.wrong(Some(round), "not at rest", [said]);
    }
    let ids: Vec<Uuid> = answered.iter().map(|entry| entry.id).collect();
    let rows: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as("select id, body from eqp.callback where id = any($1)").bind(&ids).fetch_all(pool).await?;
    let stored: Stored = rows.into_iter().map(|(id, body)| (id, number_of(&body))).collect();
    lost(&journal::lost(answered, &stored), report);
    Ok(())
}

/// Checks the callbacks of all rounds, and that none is stored twice.
pub(crate) async fn check_all_rounds(setup: &TestSetup, report: &mut Report) -> Result<(), Failure> {
    let pool = &setup.database.pool;
    let mut rows = sqlx::query_as("select id, body from eqp.callback").fetch(pool);
    let mut stored = Stored::new();
    while let Some((id, body)) = rows.try_next().await? {
        let (id, body): (Uuid, Vec<u8>) = (id, body);
        stored.insert(id, number_of(&body));
    }
    report.stored = stored.len() as u64;
    lost(&journal::lost(&setup.answered, &stored), report);
    let strange = stored.iter().filter(|(_, number)| number.is_none()).map(|(id, _)| *id);
    report.wrong(None, "stored with a body that was never sent", strange);
    for ids in journal::doubled(&stored) {
        report.doubled += 1;
        report.wrong(None, "stored twice", ids);
    }
    for (what, query) in [
        (
            "without a disposition",
            "select id from eqp.callback where not exists (
                 select from eqp.callback_disposition where callback_id = callback.id)",
        ),
        (
            "a disposition without a callback",
            "select callback_id from eqp.callback_disposition where not exists (
                 select from eqp.callback where id = callback_disposition.callback_id)",
        ),
        // Each body reports something that no other body reports.
        (
            "without exactly one event",
            "select id from eqp.callback left join eqp.event on callback_id = id
             group by id having count(seq) <> 1",
        ),
        ("still pending", "select unnest(callback_ids) from eqp.callback_pending"),
    ] {
        let ids: Vec<Uuid> = sqlx::query_scalar(query).fetch_all(pool).await?;
        report.wrong(None, what, ids);
    }
    Ok(())
}

fn lost(lost: &[Entry], report: &mut Report) {
    for entry in lost {
        report.lose(entry);
    }
}

async fn pending(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from eqp.callback_pending").fetch_one(pool).await
}
