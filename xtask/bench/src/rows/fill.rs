//! Fills tables with SQL, which is faster than a sender, and settles them.

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use crate::Failure;
use crate::postgres::execute;

/// The number of concurrent inserts: two cores are faster than one, and nothing else runs in the meantime.
const HALVES: i64 = 2;

/// Runs `insert`, with an inclusive range `$from` to `$to`, for the numbers 1 to `count`. Indexes are dropped before
/// and created again afterwards, with the definitions in the migrations.
pub(super) async fn fill(database: &PgConnectOptions, table: &str, count: i64, insert: &str) -> Result<(), Failure> {
    let indexes = indexes(database, table).await?;
    for (name, _) in &indexes {
        execute(database, format!("drop index eqp.{name}")).await?;
    }
    let range = |half: i64| (count * half / HALVES + 1, count * (half + 1) / HALVES);
    let statement = |(from, to): (i64, i64)| {
        let insert = insert.replace("$from", &from.to_string()).replace("$to", &to.to_string());
        // Only while filling: after a crash the tables are filled again.
        execute(database, format!("set synchronous_commit = off; {insert}"))
    };
    tokio::try_join!(statement(range(0)), statement(range(1)))?;
    for (_, definition) in &indexes {
        execute(database, format!("set maintenance_work_mem = '256MB'; {definition}")).await?;
    }
    Ok(())
}

/// Settles tables: vacuums and analyzes them, and writes them to disk.
pub(super) async fn settle(database: &PgConnectOptions, tables: &str) -> Result<(), Failure> {
    execute(database, format!("vacuum (freeze, analyze) {tables}")).await?;
    execute(database, "checkpoint".to_owned()).await
}

/// Returns name and definition of each index that does not belong to a constraint.
async fn indexes(database: &PgConnectOptions, table: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut connection = PgConnection::connect_with(database).await?;
    let found = sqlx::query_as(
        "select indexname::text, indexdef from pg_indexes
         where schemaname = 'eqp' and tablename = $1
           and not exists (select from pg_constraint where conindid = ('eqp.' || quote_ident(indexname))::regclass)",
    )
    .bind(table)
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    Ok(found)
}
