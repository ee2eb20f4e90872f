//! The contents of weekly digests.

use eqp_types::{Environment, Flow, MageId};
use time::OffsetDateTime;

/// The last digests that were created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestPosition {
    /// The end of their week. `None`: there were none.
    pub last: Option<OffsetDateTime>,
    /// The time in the database.
    pub now: OffsetDateTime,
    /// The generation of the subscriptions.
    pub generation: i64,
}

/// A submission that has changed in a week, or is in review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestedSubmission {
    pub environment: Environment,
    pub mage_id: MageId,
    pub resource_id: String,
    pub sku: Option<String>,
    pub version: Option<String>,
    /// The current statuses: flow and status.
    pub statuses: Vec<(String, String)>,
    /// The version of the product that is in the store.
    pub store_version: Option<String>,
    /// It waits for the Marketplace.
    pub is_in_review: bool,
}

/// A change of the status of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestedChange {
    pub environment: Environment,
    pub mage_id: MageId,
    pub resource_id: String,
    pub flow: Flow,
    pub status: String,
    pub previous_status: Option<String>,
    pub at: OffsetDateTime,
}
