//! Callbacks into the database, whichever way they came: what can be stored is, what cannot is told apart.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::timeout;

use super::commit_failure::{self, CommitFailure};
use crate::store::callback::{self, CallbackRow, Via};

/// What became of some callbacks. Each is in exactly one place, and their order is kept.
#[derive(Debug)]
pub(crate) struct Written<Row> {
    /// In the database.
    pub(crate) stored: Vec<Row>,
    /// Refused as data, each alone.
    pub(crate) refused: Vec<(Row, sqlx::Error)>,
    /// The rest, where the database failed: maybe stored.
    pub(crate) failed: Option<(Vec<Row>, Failure)>,
}

/// How the database failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: CommitFailure,
    /// None where it did not answer in time.
    error: Option<sqlx::Error>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.error {
            Some(error) => error.fmt(f),
            None => f.write_str("no answer in time"),
        }
    }
}

impl From<Failure> for crate::Error {
    fn from(failure: Failure) -> Self {
        Self::Database(failure.error.unwrap_or_else(|| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
    }
}

/// Writes callbacks, with `deadline` for each statement. Bad data splits them until the bad stands alone. After a
/// failure of the kind [`CommitFailure::Unknown`] the connection must not be used again.
pub(crate) async fn write<Row: AsRef<CallbackRow>>(
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
