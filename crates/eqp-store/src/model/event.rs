//! Events: the history of all submissions and files.

use eqp_types::{Environment, Flow, MageId, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;
use uuid::Uuid;

use super::string_enum::{UnknownValue, string_enum};
use super::{Account, DuplicateCallback, ReportId, ResourceKind, StoredApiRead, StoredCallback};

/// Something new that a callback or an API read reported. Events are history and are not changed.
///
/// As JSON it is one flat object with the fields below. The Marketplace's times are written in its own format
/// (`2022-08-25 19:20:21`, UTC), all others in RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Event {
    /// The number of the event. Events are numbered in the order in which they are committed, so the number can be used as a
    /// cursor. Numbers may be skipped.
    pub seq: i64,
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The subject of the event.
    pub kind: EventKind,
    /// The `submission_id` or `file_upload_id`, or `None` for unknown and undecodable callbacks.
    pub resource_id: Option<String>,
    /// The item ID that the developer assigned, if a callback has contained it.
    pub item_id: Option<String>,
    /// The flow whose status was reported.
    pub flow: Option<Flow>,
    /// The reported status, in its canonical spelling.
    pub status: Option<String>,
    /// The reported time of the status, in whole seconds. Callbacks in the older of the two documented formats have
    /// none.
    pub modified_at: Option<Timestamp>,
    /// Whether `modified_at` was ignored when events were ordered, because it is more than 48 hours after the arrival.
    pub clock_doubtful: bool,
    /// When the callback, or the answer of the API, arrived.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub received_at: OffsetDateTime,
    /// The source of the event.
    pub origin: Origin,
    /// Whether the callback was about this flow. If not, it was about another flow and also contained the status of this one.
    pub explicit: bool,
    /// How the report was classified, or `None` for unknown and undecodable callbacks.
    pub disposition: Option<Disposition>,
    /// Whether the reported status became the current status of its flow.
    pub applied: bool,
    /// The reason why the callback cannot be decoded, or its unknown event code.
    pub reason: Option<String>,
    /// The ID of the callback that reported the event, or `None` if an API read did.
    pub callback_id: Option<Uuid>,
    /// The ID of the API read that reported the event, or `None` if a callback did.
    pub api_read_id: Option<Uuid>,
    #[doc(hidden)]
    #[serde(skip)]
    pub account_id: i64,
    #[doc(hidden)]
    #[serde(skip)]
    pub track_id: Option<i64>,
}

impl Event {
    /// Creates an event about a report that belongs to no track.
    #[doc(hidden)]
    pub fn new(
        seq: i64,
        account: &Account,
        kind: EventKind,
        received_at: OffsetDateTime,
        (report, origin): (ReportId, Origin),
    ) -> Self {
        Self {
            seq,
            environment: account.environment,
            mage_id: account.mage_id.clone(),
            kind,
            resource_id: None,
            item_id: None,
            flow: None,
            status: None,
            modified_at: None,
            clock_doubtful: false,
            received_at,
            origin,
            explicit: false,
            disposition: None,
            applied: false,
            reason: None,
            callback_id: report.callback(),
            api_read_id: report.api_read(),
            account_id: account.id,
            track_id: None,
        }
    }

    /// Returns the report that caused the event.
    #[doc(hidden)]
    pub fn report(&self) -> Option<ReportId> {
        ReportId::of_columns(self.callback_id, self.api_read_id)
    }
}

/// An event with the callbacks that reported it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventDetail {
    /// The event.
    pub event: Event,
    /// The callback that reported the event, or `None` if retention has deleted it or an API read reported the event.
    pub callback: Option<StoredCallback>,
    /// The API read that reported the event, or `None` if retention has deleted it or a callback reported the event.
    pub api_read: Option<StoredApiRead>,
    /// Later callbacks that are duplicates of that report, oldest first. At most 1,000 are included.
    pub duplicates: Vec<DuplicateCallback>,
}

/// The subject of an event.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<EventKind>)]
pub enum EventKind {
    /// A flow of a submission.
    Submission,
    /// The malware scan of a file.
    File,
    /// A callback with an event code that is not documented. [`Event::reason`] is the code.
    Unknown,
    /// A callback that cannot be decoded. [`Event::reason`] is the reason.
    Undecodable,
}

string_enum!(EventKind);

/// The classification of a report about a flow.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<Disposition>)]
pub enum Disposition {
    /// The reported status became the current status of the flow.
    Applied,
    /// The flow returned to a status that it already had. The status in between was never reported.
    Reentered,
    /// Another status was reported with the same time. Only the API can tell which of the two came last.
    Ambiguous,
    /// The report is about the past. The status of the flow did not change.
    Late,
    /// The API reported another status than callbacks had, and this became the current status of the flow.
    Corrected,
}

string_enum!(Disposition);

/// The source of an event.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<Origin>)]
pub enum Origin {
    /// A callback.
    Callback,
    /// The API: no callback had reported it when the account was reconciled.
    Reconcile,
    /// The API, about something that happened before the account was observed.
    Baseline,
}

string_enum!(Origin);

/// An event that a handler failed on permanently or too often. The handler has continued with the next event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The name of the handler.
    pub handler: String,
    /// The number of the event.
    pub seq: i64,
    /// The number of attempts.
    pub attempts: u32,
    /// The last error that the handler returned.
    pub error: String,
    /// When the event became a dead letter.
    #[serde(with = "time::serde::rfc3339")]
    pub failed_at: OffsetDateTime,
}

impl From<ResourceKind> for EventKind {
    fn from(kind: ResourceKind) -> Self {
        match kind {
            ResourceKind::Submission => Self::Submission,
            ResourceKind::File => Self::File,
        }
    }
}
