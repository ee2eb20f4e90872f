//! The review of a submission as it is returned.

use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::super::model::VersionState;
use super::super::words;
use super::source::VersionSource;

/// The review of one submission, and everything that happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubmissionReview {
    /// When this was determined.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: OffsetDateTime,
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The ID of the submission.
    pub submission_id: String,
    /// The developer's own ID of the submission, if it is known.
    pub item_id: Option<String>,
    /// The SKU. Null if it is not known, because the account was never compared with the API.
    pub sku: Option<String>,
    /// The version, if it is known.
    pub version: Option<String>,
    /// The title in the store.
    pub name: Option<String>,
    /// The state.
    pub state: VersionState,
    /// Since when it has been in this state.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub since: OffsetDateTime,
    /// The state as a sentence, such as `Rejected by technical review, 2 hours ago.`
    pub sentence: String,
    /// The usual duration of its stage for this account: a quarter of the earlier versions took at most the first, three quarters at most
    /// the second number of seconds. Null if there are fewer than 5, or if it waits for nothing.
    pub typical_seconds: Option<[u64; 2]>,
    /// The status of the submission as a whole, if it was reported.
    pub overall: Option<String>,
    /// Whether the API has contradicted the last callback, so that a status is in doubt.
    pub is_unconfirmed: bool,
    /// Whether a version of the product is in the store.
    pub is_in_store: bool,
    /// The highest version of the product in the store.
    pub store_version: Option<String>,
    /// Where the source code of the version is, if the configuration of the server says so.
    pub source: Option<VersionSource>,
    /// The next step.
    pub next: ReviewNext,
    /// The reasons for a rejection, by tool. Empty if it is not rejected, or if they were not read yet.
    pub reasons: Vec<RejectionReason>,
    /// The flows, each with its steps.
    pub tracks: Vec<ReviewTrack>,
    /// Everything that happened, newest first.
    pub timeline: Vec<TimelineEntry>,
    /// Whether the timeline is complete. Otherwise, it contains the newest entries only.
    pub is_timeline_complete: bool,
    /// The number of the event that reported the state, if it is known.
    pub event_seq: Option<i64>,
    /// When the last callback that reported something new about the submission arrived. Null if none has.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub last_callback_at: Option<OffsetDateTime>,
    /// When the API last reported something new about the submission.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub read_at: Option<OffsetDateTime>,
}

impl SubmissionReview {
    /// Returns the product with its version, such as `acme/checkout 1.5.0`. Without a SKU, the title or the ID is used.
    pub fn product(&self) -> String {
        let label = self.sku.as_ref().or(self.name.as_ref()).unwrap_or(&self.submission_id);
        self.version.as_ref().map_or_else(|| label.clone(), |version| format!("{label} {version}"))
    }

    /// Returns the usual duration of its stage, such as `4 to 7 days`.
    pub fn typical_in_words(&self) -> Option<String> {
        self.typical_seconds.map(words::range_in_words)
    }
}

impl VersionState {
    /// Returns the state as a word or two, such as `Rejected`.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Rejected => "Rejected",
            Self::OnlyAtPackagist => "Only at Packagist",
            Self::RemovalDue => "Removal due",
            Self::RemovedByAdobe => "Removed by Adobe",
            Self::CanceledByAdobe => "Canceled by Adobe",
            Self::Stuck => "Stuck",
            Self::InReview => "In review",
            Self::Approved => "Approved",
            Self::Recalled => "Recalled",
            Self::Draft => "Draft",
            Self::InStore => "In the store",
            Self::Removed => "Removed",
            Self::Canceled => "Canceled",
        }
    }
}

impl ReviewStep {
    /// The name of the last step of a flow.
    pub(super) const RESULT: &str = "result";

    /// Returns whether it is the result of its flow.
    pub(crate) fn is_result(&self) -> bool {
        self.name == Self::RESULT
    }

    /// Returns the usual duration, such as `4 to 7 days`.
    pub fn typical_in_words(&self) -> Option<String> {
        self.typical_seconds.map(words::range_in_words)
    }
}

/// The next step about a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReviewNext {
    /// The step as one or two sentences.
    pub text: String,
    /// The command to run. Null if there is nothing to do but wait.
    pub command: Option<String>,
}

/// The reasons of one tool for a rejection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RejectionReason {
    /// The tool, in words. Empty if it is not known.
    pub tool: String,
    /// Its findings, in their order.
    pub findings: Vec<ReviewFinding>,
}

/// One finding of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReviewFinding {
    /// The file with its line and column, such as `Model/Pay.php:118:9`, if the finding names one.
    pub place: Option<String>,
    /// The text of the Marketplace.
    pub message: String,
}

/// A flow of a submission, with its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReviewTrack {
    /// The flow.
    pub flow: String,
    /// The status that was last reported.
    pub status: String,
    /// Whether the API has contradicted the last callback about this flow.
    pub is_unconfirmed: bool,
    /// The steps that have begun, and those that follow, in their order.
    pub steps: Vec<ReviewStep>,
}

/// A step of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReviewStep {
    /// The name, such as `manual QA`.
    pub name: String,
    /// Whether it is done.
    pub state: ReviewStepState,
    /// The last status of the Marketplace in this step. Null if it has not begun.
    pub status: Option<String>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub entered_at: Option<OffsetDateTime>,
    /// The time spent in it, in seconds. Null if it has not begun, and for a result.
    pub seconds: Option<u64>,
    /// The usual duration for this account: a quarter of the earlier versions took at most the first, three quarters at most the second
    /// number of seconds. Null if there are fewer than 5.
    pub typical_seconds: Option<[u64; 2]>,
}

/// Whether a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ReviewStepState {
    /// It is done.
    Done,
    /// It is in progress.
    Current,
    /// It has failed.
    Failed,
    /// It has not begun.
    #[strum(to_string = "not begun")]
    NotBegun,
}

/// Something that happened to a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TimelineEntry {
    /// The kind.
    pub kind: TimelineKind,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: OffsetDateTime,
    /// The description, in words.
    pub text: String,
    /// A remark, such as `read from the API: no callback arrived`.
    pub remark: Option<String>,
    /// The person, if a person did it.
    pub by: Option<String>,
    /// The number of times that the same report was received again.
    pub repeats: u64,
    /// The event, if the entry is about one.
    pub event_seq: Option<i64>,
    /// The delivery, if the entry is about one that waits or is dead.
    pub delivery: Option<i64>,
    /// The alert, if the entry is about one.
    pub alert: Option<i64>,
}

impl TimelineEntry {
    /// Returns whether it is only a report that arrived late, which changed nothing.
    pub(crate) fn is_late(&self) -> bool {
        self.remark.as_deref() == Some(LATE)
    }
}

/// The remark of a report that arrived after a newer one.
pub(super) const LATE: &str = "late: the status did not change";

/// The kind of an entry of the timeline.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum TimelineKind {
    /// A callback.
    Callback,
    /// A change that the API reported.
    Reconciliation,
    /// A delivery to a subscription.
    Delivery,
    /// A change of an alert.
    Alert,
    /// A note of a person.
    Note,
}

impl TimelineKind {
    /// All kinds, as they are spelled in JSON and in filters.
    pub const VALUES: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;
}
