//! The facts from which the status of products is derived.

use eqp_types::{Environment, MageId, Timestamp};
use time::OffsetDateTime;

use super::{AccountId, ResourceKind};

/// A submission with its tracks, and what the API reports about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmissionFacts {
    pub account: AccountId,
    pub submission_id: String,
    pub item_id: Option<String>,
    pub sku: Option<String>,
    pub version: Option<String>,
    pub name: Option<String>,
    /// The type of the package, such as `extension`.
    pub package_type: Option<String>,
    pub is_patch: Option<bool>,
    /// A JSON object. `findings`: the reasons for a rejection, once they were read.
    pub details: Option<String>,
    pub tracks: Vec<TrackFacts>,
}

/// The current status of one flow of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFacts {
    /// The ID of the track. Tracks are numbered in the order in which they were first reported.
    pub track: i64,
    pub flow: String,
    pub status: String,
    /// The time that the Marketplace reported for the status, if it is known and plausible.
    pub modified_at: Option<Timestamp>,
    /// When the report that the status comes from was received.
    pub received_at: OffsetDateTime,
    pub is_ambiguous: bool,
    pub is_unconfirmed: bool,
}

/// The submission that an archive belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactFacts {
    pub account: AccountId,
    pub file_id: String,
    pub submission_id: String,
}

/// An account with its last contacts to the Marketplace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelAccount {
    pub account: AccountId,
    pub environment: Environment,
    pub mage_id: MageId,
    /// Whether an access key is stored, so that servers reconcile the account.
    pub has_key: bool,
    /// When a callback was last received with a credential of the account. A canary has a credential of its own.
    pub last_callback_at: Option<OffsetDateTime>,
    /// The last successful run that compared the account with the API, and the number of API reads that it stored.
    pub reconciled_at: Option<OffsetDateTime>,
    pub reconciled: u64,
    /// The error of the newest run, if that has failed.
    pub reconcile_error: Option<String>,
}

/// An endpoint in use, with what is known about its registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelEndpoint {
    pub account: AccountId,
    pub name: String,
    /// Whether it has a credential that is active at the Marketplace, as far as this database knows.
    pub is_registered: bool,
    /// The state of the registration in the Marketplace's list, and whether it is as it should be. `None` if the list was not read.
    pub checked: Option<(String, bool)>,
}

/// A submission or file that a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundResource {
    pub environment: Environment,
    pub mage_id: MageId,
    pub kind: ResourceKind,
    pub resource_id: String,
    pub item_id: Option<String>,
    pub sku: Option<String>,
    pub version: Option<String>,
    /// The title of a submission, or the name of a file.
    pub name: Option<String>,
    /// The overall status of a submission, or the result of a file's scan.
    pub status: Option<String>,
}

/// An event that a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEvent {
    pub environment: Environment,
    pub mage_id: MageId,
    pub seq: i64,
    pub resource_id: Option<String>,
    pub flow: Option<String>,
    pub status: Option<String>,
    pub received_at: OffsetDateTime,
}
