//! Waits until everything is projected, and checks the result.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use crate::Failure;

/// The interval of polls.
const PAUSE: Duration = Duration::from_millis(2);
/// The time after which a projector counts as stopped.
const DEADLINE: Duration = Duration::from_mins(2);

/// The state in which everything is projected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Projected {
    /// The time at which this state was reached.
    pub(crate) at: Instant,
    pub(crate) events: i64,
}

/// Waits until nothing is pending; fails unless each callback then has exactly one disposition.
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
            return Err("the projector has not finished in time".into());
        }
        tokio::time::sleep(PAUSE).await;
    }
    let at = Instant::now();
    let (without, strange, events): (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from eqp.callback
                 where not exists (select from eqp.callback_disposition where callback_id = callback.id)),
                (select count(*) from eqp.callback_disposition
                 where disposition not in ('event', 'duplicate')
                    or not exists (select from eqp.callback where callback.id = callback_id)),
                (select count(*) from eqp.event)",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    if without == 0 && strange == 0 && events > 0 {
        return Ok(Projected { at, events });
    }
    Err(format!("{without} callbacks have no disposition, {strange} dispositions are wrong, {events} events").into())
}
