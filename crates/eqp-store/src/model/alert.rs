//! Alerts and the log of what happened to them.

use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;

use super::string_enum::{UnknownValue, string_enum};
use super::{AccountId, LaneKey, NewDelivery, SubscriptionId};

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

    /// Returns whether reminders name it: it needs attention, and is not snoozed.
    pub fn is_reminded(&self, now: OffsetDateTime) -> bool {
        self.needs_attention() && self.snoozed_until.is_none_or(|until| until <= now)
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

/// A reminder that subscriptions receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedReminder {
    /// Its number in the log of changes.
    pub number: i64,
    pub at: OffsetDateTime,
    /// `page`, or `ticket` for all other severities.
    pub severity: AlertSeverity,
    /// When a notification about it may be sent.
    pub notify_after: OffsetDateTime,
    /// The alerts that were open when it was added to the log.
    pub alerts: Vec<i64>,
}

/// An entry of the log that subscriptions receive.
#[derive(Clone, Debug, PartialEq)]
pub enum ReportedChange {
    Alert(ReportedAlert),
    Reminder(ReportedReminder),
}

impl ReportedChange {
    /// Returns its number in the log of changes.
    pub fn number(&self) -> i64 {
        match self {
            Self::Alert(alert) => alert.number,
            Self::Reminder(reminder) => reminder.number,
        }
    }

    /// Returns when a notification about it may be sent.
    pub fn notify_after(&self) -> OffsetDateTime {
        match self {
            Self::Alert(alert) => alert.notify_after,
            Self::Reminder(reminder) => reminder.notify_after,
        }
    }

    /// Returns the lane of its deliveries.
    pub fn lane(&self) -> LaneKey {
        match self {
            Self::Alert(alert) => LaneKey::of_alert(alert.alert),
            Self::Reminder(reminder) => LaneKey::of_reminder(reminder.severity.as_str()),
        }
    }
}

/// The decision about a change for which a fallback is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FallbackDecision {
    pub fallback: SubscriptionId,
    pub number: i64,
    /// `None` for a reminder.
    pub alert: Option<i64>,
    /// The delivery to insert. `None`: the fallback does not receive the change.
    pub delivery: Option<NewDelivery>,
}

/// A change of an alert that a subscription cannot deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UndeliverableChange {
    /// The fallback of the subscription that cannot deliver it.
    pub fallback: SubscriptionId,
    pub number: i64,
}

/// The result of a notification about a change of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNotification {
    /// The number of the change.
    pub number: i64,
    pub change: AlertChangeKind,
    pub subscription: String,
    /// It went to the subscription because another one could not deliver it.
    pub is_fallback: bool,
    /// It waits to be sent, or has failed for good.
    pub delivery: Option<i64>,
    pub is_dead: bool,
    /// The last attempt.
    pub attempted_at: Option<OffsetDateTime>,
    pub result: Option<String>,
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
