//! Alerts and the log of what happened to them.

use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;

use super::AccountId;
use super::string_enum::{UnknownValue, string_enum};

/// How urgent an alert is.
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
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<AlertSeverity>)]
pub enum AlertSeverity {
    /// Requires action now.
    Page,
    /// Requires action within days.
    Ticket,
    /// Worth knowing.
    Info,
}

string_enum!(AlertSeverity);

/// The kind of a change of an alert.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<AlertChangeKind>)]
pub enum AlertChangeKind {
    /// Its condition was found.
    Opened,
    /// Its facts changed. Recorded at most once an hour.
    Updated,
    /// A person has acknowledged it.
    Acknowledged,
    /// A person has postponed its reminders.
    Snoozed,
    /// A person has added a note.
    Noted,
    /// Its condition ended, or a person has resolved it.
    Resolved,
    /// A reminder named it.
    Reminded,
}

string_enum!(AlertChangeKind);

/// A condition that an alert is about: at most one alert is open for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertSubject {
    /// The kind of condition.
    pub kind: String,
    /// The account, unless it is about the receivers.
    pub account: Option<AccountId>,
    /// The subject, within its kind and account.
    pub key: String,
}

/// An alert as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAlert {
    pub id: i64,
    pub subject: AlertSubject,
    pub environment: Option<Environment>,
    pub mage_id: Option<MageId>,
    pub severity: AlertSeverity,
    /// A JSON object with the facts.
    pub data: String,
    pub opened_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    /// The number of times that the facts have changed.
    pub updates: i64,
    pub acknowledged_at: Option<OffsetDateTime>,
    pub acknowledged_by: Option<String>,
    pub snoozed_until: Option<OffsetDateTime>,
    pub reminded_at: Option<OffsetDateTime>,
    pub resolved_at: Option<OffsetDateTime>,
    /// The person who resolved it. `None` if its condition ended.
    pub resolved_by: Option<String>,
    /// The newest note.
    pub note: Option<String>,
}

impl StoredAlert {
    /// Returns whether it is neither acknowledged nor resolved.
    pub fn needs_attention(&self) -> bool {
        self.acknowledged_at.is_none() && self.resolved_at.is_none()
    }
}

/// A change of an alert as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAlertChange {
    /// Its place in the log. The numbers are in the order of commits.
    pub number: i64,
    /// The alert. `None` for a reminder, which names several.
    pub alert: Option<i64>,
    pub change: AlertChangeKind,
    pub at: OffsetDateTime,
    /// The person. `None` if the program did it.
    pub by: Option<String>,
    pub note: Option<String>,
    /// A JSON object with the facts at that time; for a reminder, with the alerts.
    pub data: String,
    pub severity: AlertSeverity,
    /// When a notification about the change may be sent.
    pub notify_after: OffsetDateTime,
}

/// A change of an alert of which subscriptions are notified.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportedAlert {
    /// Its number in the log of changes.
    pub number: i64,
    pub alert: i64,
    pub change: AlertChangeKind,
    pub at: OffsetDateTime,
    pub severity: AlertSeverity,
    /// When a notification about the change may be sent.
    pub notify_after: OffsetDateTime,
    pub kind: String,
    /// A JSON object with the facts at that time.
    pub data: String,
    pub opened_at: OffsetDateTime,
    pub environment: Option<Environment>,
    pub mage_id: Option<MageId>,
}

/// A change to be added to the log.
#[derive(Clone, Copy, Debug)]
pub struct NewAlertChange<'a> {
    pub alert: Option<i64>,
    pub change: AlertChangeKind,
    pub at: OffsetDateTime,
    pub by: Option<&'a str>,
    pub note: Option<&'a str>,
    /// A JSON object.
    pub data: &'a str,
    pub severity: AlertSeverity,
    pub notify_after: OffsetDateTime,
}

/// The number of alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AlertCounts {
    /// Neither acknowledged nor resolved.
    pub open: u64,
    /// Acknowledged and not resolved.
    pub acknowledged: u64,
    /// Resolved in the last 30 days.
    pub resolved: u64,
}
