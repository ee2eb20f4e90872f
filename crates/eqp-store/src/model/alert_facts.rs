//! The facts from which alerts are derived.

use eqp_types::{Environment, MageId, Timestamp};
use time::OffsetDateTime;

use super::{AccountId, Origin, ResourceKind, SubscriptionId};

/// The missed callbacks of an account that have not arrived and belong to no resolved alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedCallbacks {
    pub account: AccountId,
    pub callbacks: u64,
    pub first_found_at: OffsetDateTime,
    pub last_found_at: OffsetDateTime,
    /// When the newest of them was decided to be missed.
    pub last_decided_at: OffsetDateTime,
    /// When a callback last arrived at any endpoint of the account.
    pub last_callback_at: Option<OffsetDateTime>,
    /// The registered endpoints of the account, and those at which no callback has arrived since the first was missed.
    pub endpoints: u64,
    pub silent_endpoints: u64,
}

/// The last series of rejected callbacks of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedSeries {
    pub account: AccountId,
    pub endpoint: String,
    pub requests: u64,
    pub first_at: OffsetDateTime,
    pub last_at: OffsetDateTime,
    /// When a callback was last accepted, or the endpoint was registered again.
    pub repaired_at: Option<OffsetDateTime>,
}

/// A registration that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftingRegistration {
    pub account: AccountId,
    pub endpoint: String,
    /// The name of the state, such as `missing`.
    pub state: String,
    pub since: OffsetDateTime,
}

/// The last report of a running receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverFacts {
    pub certificate_expires_at: Option<OffsetDateTime>,
    pub spool_oldest_at: Option<OffsetDateTime>,
    pub spool_callbacks: u64,
}

/// A report of the Marketplace whose time is far ahead of our clock, the newest of its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubtfulClock {
    pub account: AccountId,
    pub modified_at: Option<Timestamp>,
    pub received_at: OffsetDateTime,
    /// Whether a report with a plausible time has been projected since.
    pub is_followed: bool,
}

/// An event code that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEventCode {
    pub account: AccountId,
    pub code: String,
    pub callbacks: u64,
    pub first_at: OffsetDateTime,
    pub last_at: OffsetDateTime,
}

/// A track of a submission or file that waits for the Marketplace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackInReview {
    pub track: i64,
    pub account: AccountId,
    pub mage_id: MageId,
    pub kind: ResourceKind,
    pub resource_id: String,
    pub flow: String,
    pub status: String,
    pub sku: Option<String>,
    pub version: Option<String>,
    /// The type of the package, such as `extension`.
    pub package_type: Option<String>,
}

/// A status that a track had from a time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEntry {
    pub track: i64,
    pub status: String,
    pub received_at: OffsetDateTime,
    pub origin: Origin,
    pub package_type: Option<String>,
}

/// A status that a review of a product had from a time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductStatusEntry {
    pub environment: Environment,
    pub mage_id: MageId,
    pub sku: String,
    pub submission_id: String,
    pub entry: StatusEntry,
}

/// A status that the API has contradicted and no later report has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnconfirmedStatus {
    pub account: AccountId,
    pub resource_id: String,
    pub flow: String,
    pub status: String,
    pub since: OffsetDateTime,
    pub sku: Option<String>,
    pub version: Option<String>,
}

/// A registered endpoint at which no callback has ever arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnprovenEndpoint {
    pub endpoint: String,
    pub registered_at: OffsetDateTime,
}

/// The deliveries of a subscription that failed for good. Those of alerts are not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadDeliveries {
    pub subscription: SubscriptionId,
    pub name: String,
    pub deliveries: u64,
    pub first_at: OffsetDateTime,
    pub last_at: OffsetDateTime,
}

/// A subscription that the program has paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausedSubscription {
    pub subscription: SubscriptionId,
    pub name: String,
    pub reason: String,
    pub since: OffsetDateTime,
}
