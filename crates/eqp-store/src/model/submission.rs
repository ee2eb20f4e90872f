//! The current status of submissions and files.

use eqp_types::{Environment, MageId, Timestamp};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Event;

/// The current status of a submission, as callbacks and the API reported it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Submission {
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The ID of the submission.
    pub submission_id: String,
    /// The ID that the developer assigned, if a callback has contained it.
    pub item_id: Option<String>,
    /// The status of the submission as a whole, including its release to the store. None until a callback has reported it.
    pub overall: Option<String>,
    /// The status of the technical review.
    pub technical: Option<String>,
    /// The status of the marketing review.
    pub marketing: Option<String>,
    /// The latest time that the Marketplace reported for any of these statuses.
    pub modified_at: Option<Timestamp>,
    /// When the callback with the last change arrived.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub received_at: OffsetDateTime,
    /// The `seq` of the event with the last change.
    pub seq: i64,
    /// Whether a flow has several statuses with the same time, so that only the API can tell which came last.
    pub ambiguous: bool,
    /// Whether the API contradicted the last callback about a flow, and no later report has confirmed its status.
    pub unconfirmed: bool,
    /// When the API confirmed all of these statuses, or `None` if it has not confirmed each of them.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub confirmed_at: Option<OffsetDateTime>,
}

/// A submission with its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubmissionHistory {
    /// The current status of the submission.
    #[serde(flatten)]
    pub submission: Submission,
    /// The events of the submission, oldest first. If there are more than 10,000, only the newest are included.
    pub events: Vec<Event>,
}

/// The current status of a file, as callbacks and the API reported it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FileState {
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The ID of the file.
    pub file_upload_id: String,
    /// The status of the malware scan.
    pub malware: String,
    /// The time that the Marketplace reported for this status.
    pub modified_at: Option<Timestamp>,
    /// When the callback with the last change arrived.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub received_at: OffsetDateTime,
    /// The `seq` of the event with the last change.
    pub seq: i64,
    /// Whether several statuses have the same time, so that only the API can tell which came last.
    pub ambiguous: bool,
    /// Whether the API contradicted the last callback, and no later report has confirmed the status.
    pub unconfirmed: bool,
    /// When the API last confirmed the status, or `None` if it has not.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub confirmed_at: Option<OffsetDateTime>,
}
