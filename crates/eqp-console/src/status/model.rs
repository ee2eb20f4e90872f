//! The status of products as it is returned.

use std::fmt;

use eqp_store::AlertCounts;
use eqp_sync::Stage;
use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The status of all products or of some. Each product is in the first group that applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Status {
    /// When the status was determined.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: OffsetDateTime,
    /// Where the facts come from.
    pub source: StatusSource,
    /// The environment that was selected, if any.
    pub environment: Option<Environment>,
    /// The accounts whose products are included.
    pub accounts: Vec<StatusAccount>,
    /// When Adobe last responded: the last callback, or the last response of the API. Null if it never has.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub last_response_at: Option<OffsetDateTime>,
    /// The reason why the status may be out of date. Null if it is not.
    pub stale: Option<Stale>,
    /// Products of which a version was rejected, or removed or canceled by Adobe within the last 30 days, of which only Packagist has the
    /// highest version, or whose listing is removed within seven days. Oldest first.
    pub needs_you: Vec<ProductStatus>,
    /// Products of which a version waits for Adobe longer than the limit. Oldest first.
    pub stuck: Vec<ProductStatus>,
    /// Products of which a version is in review, or approved and not in the store yet. Oldest first.
    pub in_review: Vec<ProductStatus>,
    /// Dates of listings that have passed, or are within the next 30 days, of products that are in none of the groups above.
    pub due: Vec<DueDate>,
    /// All other products, by name.
    pub fine: Vec<ProductStatus>,
    /// The number of products that are in the store.
    pub in_store: u64,
    /// The connection to the Marketplace. Null if the Marketplace alone was queried.
    pub channel: Option<Channel>,
    /// The steps until the first callback arrives from Adobe. Empty once it has arrived.
    pub setup: Vec<SetupStep>,
    /// Whether everything was read. Otherwise, there are more submissions than the status considers.
    pub is_complete: bool,
}

/// Where the facts of a status come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum StatusSource {
    /// The database of a receiver.
    Database,
    /// The API of the Marketplace alone, which does not report how long a review has been at its current stage.
    #[strum(to_string = "Marketplace")]
    Marketplace,
}

/// An account whose products a status includes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct StatusAccount {
    /// The environment.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
}

/// The reason why a status may be out of date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Stale {
    /// When Adobe last responded about the account that is out of date. Null if it never has.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub last_response_at: Option<OffsetDateTime>,
    /// The cause, as a sentence without a full stop.
    pub cause: String,
}

/// The status of one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProductStatus {
    /// The environment.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The SKU. Null if it is not known, because the account was never compared with the API.
    pub sku: Option<String>,
    /// The SKU, or if it is not known, the item ID or the ID of the submission.
    pub label: String,
    /// The title in the store.
    pub name: Option<String>,
    /// Since when the product has been in its group; of a product that is fine, since when it has been in the store.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub since: Option<OffsetDateTime>,
    /// Whether a version is in the store.
    pub is_in_store: bool,
    /// The highest version in the store.
    pub store_version: Option<String>,
    /// The versions that are not finished, the most urgent first. If the product was selected by its SKU: all versions.
    pub lines: Vec<VersionLine>,
    /// The next step. Null if there is nothing to do but wait.
    pub next: Option<NextStep>,
}

/// The status of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct VersionLine {
    /// The version, if it is known.
    pub version: Option<String>,
    /// The submission, or the file whose scan has not ended. In a line about the listing: the submission in the store.
    pub resource_id: String,
    /// The state.
    pub state: VersionState,
    /// Since when it has been in this state.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub since: OffsetDateTime,
    /// The usual duration of its stage for this account: a quarter of the earlier versions took at most the first, three quarters at most
    /// the second number of seconds. Null if there are fewer than 5.
    pub typical_seconds: Option<[u64; 2]>,
    /// Whether the API has contradicted the last callback, so that a status is in doubt.
    pub is_unconfirmed: bool,
    /// The state in words.
    pub sentences: Vec<String>,
    /// The flows that have begun.
    pub flows: Vec<FlowLine>,
    /// The reasons for a rejection, or the consequence of another state that needs the vendor, in one line.
    pub reason: Option<String>,
}

/// The state of a version.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::VariantArray,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum VersionState {
    /// A review has rejected it.
    Rejected,
    /// Packagist has it and the store does not, so that Composer refuses the installation in customers' shops.
    OnlyAtPackagist,
    /// Adobe removes the listing within seven days, or may have removed it.
    RemovalDue,
    /// Adobe has removed it from the store.
    RemovedByAdobe,
    /// Adobe has canceled the submission.
    CanceledByAdobe,
    /// It has been in review for longer than the limit.
    Stuck,
    /// It is in review.
    InReview,
    /// It is approved, and waits for its launch date.
    Approved,
    /// The developer has recalled it from review.
    Recalled,
    /// It has not been submitted.
    Draft,
    /// It is in the store.
    InStore,
    /// The developer has removed it from the store.
    Removed,
    /// The developer has canceled the submission.
    Canceled,
}

/// The status of one flow of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FlowLine {
    /// The flow.
    pub flow: String,
    /// The status that the Marketplace has reported.
    pub status: String,
    /// The stage at which it waits for the Marketplace.
    pub stage: Option<Stage>,
    /// Since when it has been at this stage, or in this status.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub since: OffsetDateTime,
    /// The usual duration of this stage for this account, as for a version.
    pub typical_seconds: Option<[u64; 2]>,
}

/// The next step of the vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NextStep {
    /// The step in words.
    pub text: String,
    /// The command to run.
    pub command: String,
}

/// A date that has passed, or is within the next 30 days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DueDate {
    /// The subject, as a sentence without a full stop.
    pub sentence: String,
    /// The date.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub due_at: OffsetDateTime,
    /// The products that it is about.
    pub products: Vec<String>,
    /// The next step.
    pub next: Option<NextStep>,
}

/// The connection to the Marketplace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Channel {
    /// When the last callback arrived from Adobe. Null if none has.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub last_callback_at: Option<OffsetDateTime>,
    /// When a canary last passed (`eqp doctor --canary`). It does not show that Adobe calls. Null if none has.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub canary_passed_at: Option<OffsetDateTime>,
    /// When the accounts were last compared with the API; of several accounts, the time of the one that was compared first.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub reconciled_at: Option<OffsetDateTime>,
    /// The number of differences that the last comparison found.
    pub differences: u64,
    /// The number of changes whose callback was missed. They were read from the API, so nothing is lost.
    pub missed_callbacks: u64,
    /// The endpoints.
    pub endpoints: Vec<ChannelEndpointState>,
    /// The number of receivers that are running.
    pub receivers: u64,
    /// When the certificate of the running receivers expires, the first if there are several. Null without a receiver, or behind a proxy.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub certificate_expires_at: Option<OffsetDateTime>,
    /// The number of alerts.
    pub alerts: AlertCounts,
}

/// An endpoint, and the state of its registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ChannelEndpointState {
    /// The name of the endpoint.
    pub name: String,
    /// The state of its registration, such as `registered` or `missing`.
    pub state: String,
    /// Whether the Marketplace's list was found to differ from it.
    pub is_drifted: bool,
}

/// A step before the first callback arrives from Adobe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SetupStep {
    /// The step.
    pub step: SetupStepKind,
    /// Whether it is done.
    pub state: SetupState,
    /// The state in words.
    pub detail: String,
}

impl SetupStep {
    /// Creates a step.
    pub fn new(step: SetupStepKind, state: SetupState, detail: impl Into<String>) -> Self {
        Self { step, state, detail: detail.into() }
    }
}

impl fmt::Display for SetupStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.detail)
    }
}

/// The kind of a step before the first callback arrives from Adobe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SetupStepKind {
    /// An access key is stored.
    #[strum(to_string = "key stored")]
    KeyStored,
    /// A receiver can be reached at the endpoint.
    #[strum(to_string = "endpoint reachable")]
    EndpointReachable,
    /// The endpoint is registered at the Marketplace.
    #[strum(to_string = "registered")]
    Registered,
    /// The first callback has arrived from Adobe.
    #[strum(to_string = "first callback from Adobe")]
    FirstCallback,
}

/// Whether a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SetupState {
    /// It is done.
    Done,
    /// It is not done.
    Missing,
    /// The database does not show whether it is done.
    Unknown,
}

impl Status {
    /// Returns all products, in the order of their groups.
    pub fn products(&self) -> impl Iterator<Item = &ProductStatus> {
        [&self.needs_you, &self.stuck, &self.in_review, &self.fine].into_iter().flatten()
    }

    /// Returns whether nothing needs the vendor, is stuck or is due.
    pub fn is_all_well(&self) -> bool {
        self.needs_you.is_empty() && self.stuck.is_empty() && self.due.is_empty()
    }

    /// Returns whether a version was rejected, by a review or by Adobe's administrators.
    pub fn has_rejections(&self) -> bool {
        self.needs_you.iter().flat_map(|product| &product.lines).any(|line| {
            matches!(line.state, VersionState::Rejected | VersionState::CanceledByAdobe | VersionState::RemovedByAdobe)
        })
    }

    /// Returns whether something is not as it should be: a product needs the vendor, is stuck or is due, a registration has drifted, or the
    /// status may be out of date.
    pub fn is_out_of_step(&self) -> bool {
        let is_drifted = |channel: &Channel| channel.endpoints.iter().any(|endpoint| endpoint.is_drifted);
        !self.is_all_well() || self.stale.is_some() || self.channel.as_ref().is_some_and(is_drifted)
    }
}
