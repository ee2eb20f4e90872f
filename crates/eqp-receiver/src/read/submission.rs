//! The current state of submissions and files.

use eqp_types::{Environment, MageId, Timestamp};
use serde::Serialize;
use time::OffsetDateTime;

use super::Event;

/// A submission as the callbacks have told it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Submission {
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// Its id.
    pub submission_id: String,
    /// The developer's own id, if a callback has told it.
    pub item_id: Option<String>,
    /// The state of the whole; the release to the store shows here. None while no callback told it.
    pub overall: Option<String>,
    /// The state of the technical review.
    pub technical: Option<String>,
    /// The state of the marketing review.
    pub marketing: Option<String>,
    /// The latest time that the Marketplace gave any of these states.
    pub modified_at: Option<Timestamp>,
    /// When the callback that changed it last arrived.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    /// The event that changed it last.
    pub seq: i64,
    /// Several outcomes of some flow bear the same time: only the API can tell which came last.
    pub tied: bool,
}

/// A submission and all that is known of its past.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SubmissionHistory {
    /// Its current state.
    #[serde(flatten)]
    pub submission: Submission,
    /// Its events, oldest first; of more than 10,000 the newest.
    pub events: Vec<Event>,
}

/// A file as the callbacks have told it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FileState {
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// Its id.
    pub file_upload_id: String,
    /// The state of its malware scan.
    pub malware: String,
    /// When, as the Marketplace says.
    pub modified_at: Option<Timestamp>,
    /// When the callback that changed it last arrived.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    /// The event that changed it last.
    pub seq: i64,
    /// Several outcomes bear the same time: only the API can tell which came last.
    pub tied: bool,
}
