//! Drains the spool: writes its callbacks to the database, in order and in large batches.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use tokio::time::timeout;
use uuid::Uuid;

use super::{DrainError, RefusedRow, Spool, SpoolFile, SpoolSettings};
use crate::Error;
use eqp_store::internal as store;
use eqp_store::internal::Supervisor;
use eqp_store::internal::callback::{CallbackRow, Via};
use eqp_store::internal::write::{Written, write};
use eqp_store::internal::{ANSWER, within};

/// The maximum number of callbacks per statement. IDs that are stored already are skipped, so a statement can be repeated.
const MAX_ROWS: usize = 4096;
/// The maximum size of these callbacks in bytes, so that a few large callbacks do not fill the memory.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// The maximum number of quarantined callbacks that are read at a time. All of them may be large.
const MAX_QUARANTINED: usize = 32;
/// The time limit of one statement.
const DEADLINE: Duration = Duration::from_secs(10);
/// The maximum length of a stored Postgres message in bytes. Longer messages are truncated.
const MAX_REASON_BYTES: usize = 500;
/// The time limit for connecting to the database.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// The number of callbacks that a drain has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Callbacks that were written to the database.
    pub stored: u64,
    /// Callbacks that Postgres rejects because of their data. They were moved to quarantine.
    pub refused: u64,
}

/// Moves the first callbacks of the queue to the database. Those that were not committed stay in the queue. Returns `None` if
/// the queue is empty.
pub(crate) async fn step(connection: &mut PgConnection, spool: &Spool) -> Result<Option<Drained>, DrainError> {
    let head = spool.head(MAX_ROWS, MAX_BYTES).await?;
    if head.rows.is_empty() {
        return Ok(None);
    }
    let begin = head.end - head.rows.len() as u64;
    let Written { stored, refused, failed } = write(connection, head.rows, Via::Spool, DEADLINE).await;
    for row in &stored {
        tracing::debug!(callback_id = %row.id, "moved callback from the spool to the database");
    }
    let done = Drained { stored: stored.len() as u64, refused: refused.len() as u64 };
    if done != Drained::default() {
        let refused = refused.into_iter().map(|(row, error)| refused_row(row, &error)).collect();
        spool.acknowledge(begin + done.stored + done.refused, refused).await?;
    }
    match failed {
        Some((_, failure)) => Err(DrainError::Database(failure)),
        None => Ok(Some(done)),
    }
}

/// Returns a quarantine entry for a callback that Postgres rejects.
pub(crate) fn refused_row(row: CallbackRow, error: &sqlx::Error) -> RefusedRow {
    let db_error = error.as_database_error();
    // An error of the driver has no code.
    let sqlstate =
        db_error.and_then(sqlx::error::DatabaseError::code).map_or_else(String::new, std::borrow::Cow::into_owned);
    let mut reason = db_error.map_or_else(|| error.to_string(), |error| error.message().to_owned());
    reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
    tracing::error!(callback_id = %row.id, %sqlstate, reason, "the database rejects a callback because of its data, moving it to quarantine");
    RefusedRow { row, sqlstate, reason, refused_at: OffsetDateTime::now_utc() }
}

/// Moves the callbacks of a spool to its database, while no receiver has the spool open. With `with_quarantine`, also retries
/// the callbacks in quarantine.
///
/// ```no_run
/// # async fn example() -> Result<(), eqp_receiver::Error> {
/// use eqp_receiver::sqlx::postgres::PgConnectOptions;
/// use eqp_receiver::{SpoolSettings, drain_spool};
///
/// let settings = SpoolSettings::in_folder("/var/lib/eqp/spool");
/// let drained = drain_spool(&settings, &PgConnectOptions::new(), false).await?;
/// println!("{} callbacks stored", drained.stored);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// - [`Error::NoSpool`], [`Error::SpoolFolder`], [`Error::SpoolUnsafe`] or [`Error::SpoolDamaged`] if the spool cannot be read.
/// - [`Error::SpoolHeld`] if a receiver has it open.
/// - [`Error::SpoolOfAnotherDatabase`] if its callbacks were received for another database.
/// - [`Error::Store`] if the database cannot be reached or fails. Callbacks that were written before are no longer in the
///   spool.
pub async fn drain_spool(
    settings: &SpoolSettings,
    database: &PgConnectOptions,
    with_quarantine: bool,
) -> Result<Drained, Error> {
    // Opening it as a receiver does would create a spool if there is none.
    drop(SpoolFile::open(&settings.folder)?);
    let (spool, metadata) = Spool::open(settings, &Supervisor::default()).await?;
    let drained = drain(&spool, metadata.instance, settings, database, with_quarantine).await;
    spool.close().await;
    drained
}

async fn drain(
    spool: &Spool,
    instance: Option<Uuid>,
    settings: &SpoolSettings,
    database: &PgConnectOptions,
    with_quarantine: bool,
) -> Result<Drained, Error> {
    let connecting = timeout(CONNECT_DEADLINE, PgConnection::connect_with(database));
    let connected = connecting.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let mut connection = connected.map_err(|error| eqp_store::Error::DatabaseUnreachable(error.into()))?;
    let found = within(ANSWER, store::instance::id(&mut connection)).await?;
    if let (Some(spool), Some(database)) = (instance, found)
        && spool != database
    {
        return Err(Error::SpoolOfAnotherDatabase { folder: settings.folder.clone(), spool, database });
    }
    let mut drained = Drained::default();
    while let Some(step) = step(&mut connection, spool).await.map_err(|error| settings.failed(error))? {
        drained.stored += step.stored;
        drained.refused += step.refused;
    }
    if with_quarantine {
        drained.stored += drain_quarantine(&mut connection, spool).await.map_err(|error| settings.failed(error))?;
    }
    Ok(drained)
}

/// Retries the callbacks in quarantine. Returns how many the database has accepted.
async fn drain_quarantine(connection: &mut PgConnection, spool: &Spool) -> Result<u64, DrainError> {
    let mut after = Uuid::nil();
    let mut released = 0;
    loop {
        let refused = spool.quarantined(after, MAX_QUARANTINED).await?;
        let Some(last) = refused.last() else { return Ok(released) };
        after = last.row.id;
        let rows: Vec<CallbackRow> = refused.into_iter().map(|refused| refused.row).collect();
        let written = write(connection, rows, Via::Spool, DEADLINE).await;
        if !written.stored.is_empty() {
            released += written.stored.len() as u64;
            spool.release(written.stored.iter().map(|row| row.id).collect()).await?;
        }
        if let Some((_, failure)) = written.failed {
            return Err(DrainError::Database(failure));
        }
    }
}

impl SpoolSettings {
    fn failed(&self, error: DrainError) -> Error {
        match error {
            DrainError::Database(failure) => eqp_store::Error::from(failure).into(),
            DrainError::Spool(error) => {
                Error::SpoolFolder { folder: self.folder.clone(), source: std::io::Error::other(error) }
            }
        }
    }
}
