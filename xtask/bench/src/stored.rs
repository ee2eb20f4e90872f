//! Checks that every answered ID is stored exactly once.

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::Failure;

/// The number of IDs per query.
const AT_ONCE: usize = 50_000;

/// Fails unless some IDs were returned, none of them twice.
pub(crate) fn answered_once(answered: &[Uuid]) -> Result<Vec<Uuid>, Failure> {
    let mut distinct = answered.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() == answered.len() && !answered.is_empty() {
        return Ok(distinct);
    }
    Err(format!("{} ids were answered, {} of them distinct", answered.len(), distinct.len()).into())
}

/// Fails unless each returned ID is stored exactly once.
pub(crate) async fn stored_once(database: &PgConnectOptions, answered: &[Uuid]) -> Result<(), Failure> {
    let distinct = answered_once(answered)?;
    let mut connection = PgConnection::connect_with(database).await?;
    let mut stored = 0;
    for piece in distinct.chunks(AT_ONCE) {
        // Counts rows instead of IDs, so that a duplicate that a broken key accepted is noticed.
        let found: i64 = sqlx::query_scalar("select count(*) from eqp.callback where id = any($1)")
            .bind(piece)
            .fetch_one(&mut connection)
            .await?;
        stored += usize::try_from(found)?;
    }
    connection.close().await?;
    if stored == distinct.len() {
        return Ok(());
    }
    Err(format!("{} ids were answered, {stored} callbacks are stored", distinct.len()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::{Postgres, execute};

    #[test]
    fn an_id_that_was_answered_twice_is_a_failure_and_so_is_none() {
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(answered_once(&[one, other]).is_ok());
        assert!(answered_once(&[one, one]).is_err());
        assert!(answered_once(&[]).is_err());
    }

    #[tokio::test]
    async fn an_answered_id_that_is_not_stored_is_a_failure() {
        let postgres = Postgres::start().await.unwrap();
        let database = postgres.database().await.unwrap();
        let (stored, lost) = (Uuid::now_v7(), Uuid::now_v7());
        let insert = format!(
            "insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
             values ('{stored}', 1, 1, now(), '127.0.0.1', '', '{{}}', 'writer')"
        );
        execute(&database, insert).await.unwrap();
        assert!(stored_once(&database, &[stored]).await.is_ok());
        let failure = stored_once(&database, &[stored, lost]).await.unwrap_err();
        assert_eq!(failure.to_string(), "2 ids were answered, 1 callbacks are stored");
        postgres.stop().await.unwrap();
    }
}
