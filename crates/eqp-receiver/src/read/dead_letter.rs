//! Events that a handler failed on.

use serde::Serialize;
use time::OffsetDateTime;

/// An event that a handler failed on for good, or too often: it was passed over, so that it does not block the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The name of the handler.
    pub handler: String,
    /// The number of the event.
    pub seq: i64,
    /// How often the handler was given it.
    pub attempts: u32,
    /// The last error, in the handler's words.
    pub error: String,
    /// When it was given up.
    #[serde(with = "time::serde::rfc3339")]
    pub failed_at: OffsetDateTime,
}
