//! Writes callbacks to the database and separates those that cannot be stored.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::timeout;

use super::callback::{self, CallbackRow, Via};
use super::commit_failure::{self, CommitFailure};

/// The result of a write. Each callback is in exactly one field, and their order is preserved.
#[derive(Debug)]
pub struct Written<Row> {
    /// Callbacks that are stored.
    pub stored: Vec<Row>,
    /// Callbacks that Postgres rejected because of their data, each with its error.
    pub refused: Vec<(Row, sqlx::Error)>,
    /// The remaining callbacks after a failure. They may or may not be stored.
    pub failed: Option<(Vec<Row>, Failure)>,
}

/// A failed write.
#[derive(Debug)]
pub struct Failure {
    pub kind: CommitFailure,
    /// None if the database did not answer in time.
    error: Option<sqlx::Error>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.error {
            Some(error) => error.fmt(f),
            None => f.write_str("no response in time"),
        }
    }
}

impl From<Failure> for crate::Error {
    fn from(failure: Failure) -> Self {
        failure.error.unwrap_or_else(|| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())).into()
    }
}

/// Writes callbacks, with `deadline` for each statement. If Postgres rejects a batch because of its data, the batch is split until the
/// rejected callback is alone. After a [`CommitFailure::Unknown`] the connection must not be used again.
pub async fn write<Row: AsRef<CallbackRow>>(
    connection: &mut PgConnection,
    rows: Vec<Row>,
    via: Via,
    deadline: Duration,
) -> Written<Row> {
    let mut written = Written { stored: Vec::new(), refused: Vec::new(), failed: None };
    let mut part = rows;
    let mut later = Vec::new();
    loop {
        match attempt(connection, &part, via, deadline).await {
            Ok(()) if written.stored.is_empty() => written.stored = part,
            Ok(()) => written.stored.append(&mut part),
            Err(Failure { kind: CommitFailure::Data, .. }) if part.len() > 1 => {
                later.push(part.split_off(part.len() / 2));
                continue;
            }
            Err(Failure { kind: CommitFailure::Data, error: Some(error) }) => {
                written.refused.extend(part.pop().map(|row| (row, error)));
            }
            Err(failure) => {
                part.extend(later.into_iter().rev().flatten());
                written.failed = Some((part, failure));
                return written;
            }
        }
        match later.pop() {
            Some(next) => part = next,
            None => return written,
        }
    }
}

async fn attempt<Row: AsRef<CallbackRow>>(
    connection: &mut PgConnection,
    rows: &[Row],
    via: Via,
    deadline: Duration,
) -> Result<(), Failure> {
    match timeout(deadline, callback::insert(connection, rows, via)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure { kind: commit_failure::of(&error), error: Some(error) }),
        Err(_) => Err(Failure { kind: CommitFailure::Unknown, error: None }),
    }
}
