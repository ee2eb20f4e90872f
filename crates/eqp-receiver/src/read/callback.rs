//! Callbacks as they were kept, and what became of them.

use std::net::IpAddr;

use eqp_types::{Environment, MageId};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::word::words;

/// One callback, byte for byte.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredCallback {
    /// The id that its sender was answered.
    pub id: Uuid,
    /// The environment of the account that it came for.
    pub environment: Environment,
    /// The account that it came for.
    pub mage_id: MageId,
    /// The name of the endpoint that took it.
    pub endpoint: String,
    /// When it arrived.
    pub received_at: OffsetDateTime,
    /// Where it came from.
    pub source: IpAddr,
    /// The path and query at which it arrived, where they are not the registered ones.
    pub arrived_path: Option<String>,
    /// Its headers, as far as they are kept: name, colon, value, line end. `:path` is not a header, but
    /// [`arrived_path`](Self::arrived_path).
    pub headers: Vec<u8>,
    /// Its body.
    pub body: Vec<u8>,
    /// What became of it; none while it waits for its projection.
    pub verdict: Option<Verdict>,
    /// The earlier callback that it is a copy of.
    pub copy_of: Option<Uuid>,
}

/// A callback that told nothing new.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CallbackCopy {
    /// The id that its sender was answered.
    pub id: Uuid,
    /// When it arrived.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    /// The name of the endpoint that took it.
    pub endpoint: String,
}

words! {
    /// What became of a callback.
    Verdict {
        /// It told something new.
        Event = "event",
        /// It told what was known.
        Copy = "copy",
        /// Its event code is not documented.
        Unknown = "unknown",
        /// It cannot be decoded.
        Undecodable = "undecodable",
    }
}

/// How much there is. Counting reads whole tables: for a screen or a report, not for every second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Callbacks that were kept.
    pub callbacks_received: u64,
    /// Of these, the ones that wait for their projection.
    pub pending: u64,
    /// Events of submissions and files.
    pub events: u64,
    /// Callbacks that told what was known.
    pub copies: u64,
    /// Callbacks with an event code that is not documented.
    pub unknown: u64,
    /// Callbacks that cannot be decoded.
    pub undecodable: u64,
    /// Events marked late.
    pub late: u64,
    /// Events marked tied.
    pub tied: u64,
    /// Submissions that are known.
    pub submissions: u64,
    /// Files that are known.
    pub files: u64,
}
