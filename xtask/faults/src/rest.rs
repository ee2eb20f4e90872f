//! Coming to rest, and what has to be so then.

use futures_util::TryStreamExt;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Failure;
use crate::body::number_of;
use crate::deadline::{PATIENCE, until};
use crate::house::House;
use crate::ledger::{self, Entry, Stored};
use crate::report::Report;

/// Waits until the receivers are well and nothing is pending, then looks for what was answered in this round.
pub(crate) async fn compare(house: &House, round: u32, answered: &[Entry], report: &mut Report) -> Result<(), Failure> {
    let pool = &house.database.pool;
    let is_at_rest = async || house.is_well().await && matches!(pending(pool).await, Ok(0));
    if !until(PATIENCE, is_at_rest).await {
        let pending = pending(pool).await.map_or_else(|error| error.to_string(), |count| count.to_string());
        let said = house.complaint(&format!("{pending} batches pending")).await;
        report.wrong(Some(round), "not at rest", [said]);
    }
    let ids: Vec<Uuid> = answered.iter().map(|entry| entry.id).collect();
    let rows: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as("select id, body from eqp.callback where id = any($1)").bind(&ids).fetch_all(pool).await?;
    let stored: Stored = rows.into_iter().map(|(id, body)| (id, number_of(&body))).collect();
    lost(&ledger::lost(answered, &stored), report);
    Ok(())
}

/// The same for all rounds together, and that nothing is there twice.
pub(crate) async fn compare_all(house: &House, report: &mut Report) -> Result<(), Failure> {
    let pool = &house.database.pool;
    let mut rows = sqlx::query_as("select id, body from eqp.callback").fetch(pool);
    let mut stored = Stored::new();
    while let Some((id, body)) = rows.try_next().await? {
        let (id, body): (Uuid, Vec<u8>) = (id, body);
        stored.insert(id, number_of(&body));
    }
    report.stored = stored.len() as u64;
    lost(&ledger::lost(&house.answered, &stored), report);
    let strange = stored.iter().filter(|(_, number)| number.is_none()).map(|(id, _)| *id);
    report.wrong(None, "stored with a body that nobody sent", strange);
    for ids in ledger::doubled(&stored) {
        report.doubled += 1;
        report.wrong(None, "stored twice", ids);
    }
    for (what, query) in [
        (
            "without an outcome",
            "select id from eqp.callback where not exists (
                 select from eqp.callback_outcome where callback_id = callback.id)",
        ),
        (
            "an outcome of nothing",
            "select callback_id from eqp.callback_outcome where not exists (
                 select from eqp.callback where id = callback_outcome.callback_id)",
        ),
        // Each body tells one thing that no other tells.
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
