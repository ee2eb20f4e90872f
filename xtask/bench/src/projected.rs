//! Waiting until everything is projected, and whether it is right then.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use crate::Failure;

/// How often to look.
const PAUSE: Duration = Duration::from_millis(2);
/// A projector that takes longer has stopped.
const DEADLINE: Duration = Duration::from_mins(2);

/// Everything is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Projected {
    /// Since when.
    pub(crate) at: Instant,
    pub(crate) events: i64,
}

/// Waits until nothing is pending; fails unless each callback then has exactly one outcome.
pub(crate) async fn projected(database: &PgConnectOptions) -> Result<Projected, Failure> {
    let mut connection = PgConnection::connect_with(database).await?;
    let begun = Instant::now();
    loop {
        let pending: bool =
            sqlx::query_scalar("select exists (select from eqp.callback_pending)").fetch_one(&mut connection).await?;
        if !pending {
            break;
        }
        if begun.elapsed() > DEADLINE {
            return Err("the projector does not come to an end".into());
        }
        tokio::time::sleep(PAUSE).await;
    }
    let at = Instant::now();
    let (without, strange, events): (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from eqp.callback
                 where not exists (select from eqp.callback_outcome where callback_id = callback.id)),
                (select count(*) from eqp.callback_outcome
                 where verdict not in ('event', 'copy')
                    or not exists (select from eqp.callback where callback.id = callback_id)),
                (select count(*) from eqp.event)",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    if without == 0 && strange == 0 && events > 0 {
        return Ok(Projected { at, events });
    }
    Err(format!("{without} callbacks have no outcome, {strange} outcomes are wrong, {events} events").into())
}
