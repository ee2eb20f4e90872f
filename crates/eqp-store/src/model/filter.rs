//! Filters of lists. A field that is `None` does not restrict the list.

use eqp_types::{Environment, Flow, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Disposition, EventKind};

/// The limit of a new filter.
const DEFAULT_LIMIT: u32 = 50;

/// The maximum number of rows that one call returns. Callers request the next page from the last `seq`.
pub(crate) const HIGHEST_LIMIT: u32 = 10_000;

/// The order in which events are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Highest `seq` first.
    #[default]
    NewestFirst,
    /// Lowest `seq` first, for reading on from a cursor.
    OldestFirst,
}

/// Selects events. A field that is `None` does not restrict the list.
///
/// ```
/// use eqp_store::{Disposition, EventFilter};
///
/// let late = EventFilter { disposition: Some(Disposition::Late), limit: 10, ..EventFilter::default() };
/// # assert_eq!(late.limit, 10);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct EventFilter {
    /// Only rows of this environment.
    pub environment: Option<Environment>,
    /// Only rows of this account.
    pub mage_id: Option<MageId>,
    /// Only events of this kind.
    pub kind: Option<EventKind>,
    /// Only events about the submission or file with this ID.
    pub resource_id: Option<String>,
    /// Only events about this flow.
    pub flow: Option<Flow>,
    /// Only events with this status. Documented alternative spellings are accepted.
    pub status: Option<String>,
    /// Only events with this disposition.
    pub disposition: Option<Disposition>,
    /// Only events that this callback reported.
    pub callback_id: Option<Uuid>,
    /// Only events with a higher `seq` than this.
    pub after_seq: Option<i64>,
    /// Only events with a lower `seq` than this.
    pub before_seq: Option<i64>,
    /// Only events whose callback arrived at this time or later.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub since: Option<OffsetDateTime>,
    /// Only events whose callback arrived before this time.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub until: Option<OffsetDateTime>,
    /// The order of the list.
    pub order: Order,
    /// The maximum number of rows: 50 by default, and never more than 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for EventFilter {
    fn default() -> Self {
        Self {
            environment: None,
            mage_id: None,
            kind: None,
            resource_id: None,
            flow: None,
            status: None,
            disposition: None,
            callback_id: None,
            after_seq: None,
            before_seq: None,
            since: None,
            until: None,
            order: Order::default(),
            limit: DEFAULT_LIMIT,
        }
    }
}

/// Selects submissions, which are listed most recently changed first. A field that is `None` does not restrict the list.
///
/// ```
/// use eqp_store::SubmissionFilter;
///
/// let rejected = SubmissionFilter { technical: Some("rejected".into()), ..SubmissionFilter::default() };
/// # assert_eq!(rejected.limit, 50);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SubmissionFilter {
    /// Only rows of this environment.
    pub environment: Option<Environment>,
    /// Only rows of this account.
    pub mage_id: Option<MageId>,
    /// Only the submission with this ID.
    pub submission_id: Option<String>,
    /// Only submissions with this `item_id`, the ID that the developer assigned.
    pub item_id: Option<String>,
    /// Only submissions with this status of the overall flow.
    pub overall: Option<String>,
    /// Only submissions with this status of the technical review.
    pub technical: Option<String>,
    /// Only submissions with this status of the marketing review.
    pub marketing: Option<String>,
    /// Only submissions with an ambiguous flow (true) or without one (false).
    pub ambiguous: Option<bool>,
    /// Only rows that changed last before the event with this `seq`, for requesting the next page.
    pub before_seq: Option<i64>,
    /// The maximum number of rows: 50 by default, and never more than 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for SubmissionFilter {
    fn default() -> Self {
        Self {
            environment: None,
            mage_id: None,
            submission_id: None,
            item_id: None,
            overall: None,
            technical: None,
            marketing: None,
            ambiguous: None,
            before_seq: None,
            limit: DEFAULT_LIMIT,
        }
    }
}

/// Selects files, which are listed most recently changed first. A field that is `None` does not restrict the list.
///
/// ```
/// use eqp_store::FileFilter;
///
/// let infected = FileFilter { malware: Some("fail".into()), ..FileFilter::default() };
/// # assert_eq!(infected.limit, 50);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FileFilter {
    /// Only rows of this environment.
    pub environment: Option<Environment>,
    /// Only rows of this account.
    pub mage_id: Option<MageId>,
    /// Only the file with this ID.
    pub file_upload_id: Option<String>,
    /// Only files with this status of the malware scan. Documented alternative spellings are accepted.
    pub malware: Option<String>,
    /// Only rows that changed last before the event with this `seq`, for requesting the next page.
    pub before_seq: Option<i64>,
    /// The maximum number of rows: 50 by default, and never more than 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for FileFilter {
    fn default() -> Self {
        Self {
            environment: None,
            mage_id: None,
            file_upload_id: None,
            malware: None,
            before_seq: None,
            limit: DEFAULT_LIMIT,
        }
    }
}
