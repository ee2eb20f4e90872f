//! From the spool into the database, in order, in large batches.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use tokio::time::timeout;
use uuid::Uuid;

use super::{NotSpooled, RefusedRow, Spool, SpoolFile, SpoolSettings};
use crate::accept::write::{Failure, Written, write};
use crate::deadline::{ANSWER, within};
use crate::store::callback::{CallbackRow, Via};
use crate::supervise::Supervisor;
use crate::{Error, store};

/// The most callbacks of one statement; ids that are there already are left alone, so that it can be repeated.
const MOST_ROWS: usize = 4096;
/// The most that they may weigh, lest a few large ones fill the memory.
const MOST_BYTES: u64 = 8 * 1024 * 1024;
/// The most of quarantine at a time, which may all be large.
const MOST_QUARANTINED: usize = 32;
/// For one such statement.
const DEADLINE: Duration = Duration::from_secs(10);
/// Longer messages of Postgres are cut.
const LONGEST_REASON: usize = 500;
/// How long a database may take to let us in.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Why draining stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrainError {
    /// The database failed.
    #[error("{0}")]
    Database(Failure),
    /// The spool did.
    #[error(transparent)]
    Spool(#[from] NotSpooled),
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Callbacks that are in the database now.
    pub stored: u64,
    /// Callbacks that it refuses as data; they are in quarantine.
    pub refused: u64,
}

/// Moves the head of the queue into the database; what has not reached it stays. None where the queue is empty.
pub(crate) async fn step(connection: &mut PgConnection, spool: &Spool) -> Result<Option<Drained>, DrainError> {
    let head = spool.head(MOST_ROWS, MOST_BYTES).await?;
    if head.rows.is_empty() {
        return Ok(None);
    }
    let begin = head.end - head.rows.len() as u64;
    let Written { stored, refused, failed } = write(connection, head.rows, Via::Spool, DEADLINE).await;
    let done = Drained { stored: stored.len() as u64, refused: refused.len() as u64 };
    if done != Drained::default() {
        let refused = refused.into_iter().map(|(row, error)| refused_row(row, &error)).collect();
        spool.settle(begin + done.stored + done.refused, refused).await?;
    }
    match failed {
        Some((_, failure)) => Err(DrainError::Database(failure)),
        None => Ok(Some(done)),
    }
}

/// A callback with why Postgres refuses it, for quarantine.
pub(crate) fn refused_row(row: CallbackRow, error: &sqlx::Error) -> RefusedRow {
    let said = error.as_database_error();
    let sqlstate = said.and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned();
    let mut reason = said.map_or_else(|| error.to_string(), |said| said.message().to_owned());
    reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
    tracing::error!(id = %row.id, %sqlstate, reason, "the database refuses this callback; it goes into quarantine");
    RefusedRow { row, sqlstate, reason, refused_at: OffsetDateTime::now_utc() }
}

/// Brings what a spool holds into its database, while no receiver has it open; on wish what is in quarantine too.
///
/// # Errors
/// [`Error::NoSpool`], [`Error::SpoolHeld`], [`Error::SpoolOfAnotherDatabase`], [`Error::SpoolDamaged`]; or the database
/// cannot be reached or fails. What reached it until then is no longer in the spool.
pub async fn drain_spool(
    settings: &SpoolSettings,
    database: &PgConnectOptions,
    with_quarantine: bool,
) -> Result<Drained, Error> {
    // A folder without a spool must not get one by this.
    drop(SpoolFile::open(&settings.folder)?);
    let (spool, kept) = Spool::open(settings, &Supervisor::default()).await?;
    let drained = drain(&spool, kept.instance, settings, database, with_quarantine).await;
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
    let mut connection = connected.map_err(Error::DatabaseUnreachable)?;
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

/// Tries again what the database refused before; answers with how much it took.
async fn drain_quarantine(connection: &mut PgConnection, spool: &Spool) -> Result<u64, DrainError> {
    let mut after = Uuid::nil();
    let mut released = 0;
    loop {
        let refused = spool.quarantined(after, MOST_QUARANTINED).await?;
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
            DrainError::Database(failure) => failure.into(),
            DrainError::Spool(error) => {
                Error::SpoolFolder { folder: self.folder.clone(), source: std::io::Error::other(error) }
            }
        }
    }
}
