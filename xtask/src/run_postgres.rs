//! Runs a temporary Postgres during one command.

use eqp_postgres::{EmbeddedPostgres, Progress};

use crate::Result;

/// Starts a Postgres in a temporary folder, runs `work` with it, and stops and removes it in any case.
pub(crate) async fn with_postgres<F: AsyncFnOnce(&EmbeddedPostgres) -> Result>(work: F) -> Result {
    let builder = EmbeddedPostgres::temporary().map_err(|error| error.to_string())?;
    let postgres = builder.progress(tell).start().await.map_err(|error| error.to_string())?;
    let outcome = work(&postgres).await;
    let stopped = postgres.stop().await.map_err(|error| error.to_string());
    outcome.and(stopped)
}

/// Prints only steps that take longer than a moment.
fn tell(progress: Progress) {
    match progress {
        Progress::Fetching { source } => eprintln!("no Postgres is installed; fetching one from {source}"),
        Progress::SourceFailed { source, reason } => eprintln!("download from {source} failed: {reason}"),
        _ => {}
    }
}
