//! A Postgres for the length of one command.

use eqp_postgres::{EmbeddedPostgres, Progress};

use crate::Result;

/// Starts a Postgres in a folder of its own, does something with it, and stops and removes it, come what may.
pub(crate) async fn with_postgres<F: AsyncFnOnce(&EmbeddedPostgres) -> Result>(work: F) -> Result {
    let builder = EmbeddedPostgres::temporary().map_err(|error| error.to_string())?;
    let postgres = builder.progress(tell).start().await.map_err(|error| error.to_string())?;
    let outcome = work(&postgres).await;
    let stopped = postgres.stop().await.map_err(|error| error.to_string());
    outcome.and(stopped)
}

/// Only what takes longer than a moment is worth a line.
fn tell(progress: Progress) {
    match progress {
        Progress::Fetching { source } => eprintln!("no Postgres is installed; fetching one from {source}"),
        Progress::SourceFailed { source, reason } => eprintln!("{source} has none: {reason}"),
        _ => {}
    }
}
