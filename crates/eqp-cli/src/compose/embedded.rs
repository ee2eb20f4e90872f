//! The embedded Postgres of the data folder.

use std::path::Path;
use std::time::Duration;

use eqp_postgres::{Builder, Progress};

pub(crate) use eqp_postgres::EmbeddedPostgres;
use sqlx::postgres::PgConnectOptions;

use crate::failure::{Failure, Result};
use crate::output::Output;

/// The time that a receiver waits for its embedded Postgres before it starts without it.
const START_DEADLINE: Duration = Duration::from_secs(3);
/// The name of the database in the embedded Postgres.
pub(super) const DATABASE: &str = "eqp";

/// Returns whether there is an embedded Postgres in this folder.
pub(super) fn exists(folder: &Path) -> bool {
    EmbeddedPostgres::is_in(folder)
}

/// Returns the options for connecting to the embedded Postgres of this folder, if it is running.
pub(super) fn running(folder: &Path) -> Option<PgConnectOptions> {
    EmbeddedPostgres::options_if_running(folder, DATABASE)
}

/// Starts the embedded Postgres, or joins a running one.
pub(super) async fn start(folder: &Path, output: Output) -> Result<EmbeddedPostgres> {
    Ok(builder(folder, output).start().await?)
}

/// Starts the embedded Postgres for a receiver, which can start without it. If Postgres is not running yet, the reason
/// is returned too.
pub(super) async fn start_or_go_on(folder: &Path, output: Output) -> Result<(EmbeddedPostgres, Option<Failure>)> {
    let (postgres, trouble) = builder(folder, output).start_or_go_on(START_DEADLINE).await?;
    Ok((postgres, trouble.map(Failure::from)))
}

fn builder(folder: &Path, output: Output) -> Builder {
    EmbeddedPostgres::builder(folder).progress(move |progress| {
        if let Some(note) = note(&progress) {
            output.note(note);
        }
    })
}

fn note(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Fetching { source } => Some(format!("no Postgres is installed; fetching one from {source} (once)")),
        Progress::SourceFailed { source, reason } => Some(format!("download from {source} failed: {reason}")),
        Progress::Recovering => Some("Postgres was not shut down properly and is recovering".to_owned()),
        _ => None,
    }
}
