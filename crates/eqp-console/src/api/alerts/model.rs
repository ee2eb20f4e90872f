//! The types of alerts in requests and responses.

use std::time::Duration;

use eqp_store::internal::{StoredAlert, StoredAlertChange, StoredNotification};
use eqp_store::{AlertChangeKind, AlertCounts, AlertSeverity};
use eqp_sync::AlertText;
use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// An alert, with its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Alert {
    /// The number of the alert.
    pub id: i64,
    /// The kind of condition, such as `callbacks_missed`.
    pub kind: String,
    /// How urgent it is.
    pub severity: AlertSeverity,
    /// The environment of the account; null if it is about the receivers.
    pub environment: Option<Environment>,
    /// The account; null if it is about the receivers.
    pub mage_id: Option<MageId>,
    /// The subject, within its kind and account.
    pub key: String,
    /// A few words: the product or the condition.
    pub title: String,
    /// The affected part, such as `1 of 1 endpoint`.
    pub scope: Option<String>,
    /// One or two sentences.
    pub summary: String,
    /// Whether anything is lost.
    pub lost: String,
    /// The meaning.
    pub meaning: String,
    /// The first command to run.
    pub first_check: String,
    /// How it resolves without intervention.
    pub resolves: String,
    /// When it was opened.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub opened_at: OffsetDateTime,
    /// When its facts last changed.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub updated_at: OffsetDateTime,
    /// The number of times that its facts have changed.
    pub updates: i64,
    /// When a person acknowledged it.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub acknowledged_at: Option<OffsetDateTime>,
    /// The person who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// Until when reminders do not name it.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub snoozed_until: Option<OffsetDateTime>,
    /// When it was resolved.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub resolved_at: Option<OffsetDateTime>,
    /// The person who resolved it; null if its condition ended.
    pub resolved_by: Option<String>,
    /// The newest note.
    pub note: Option<String>,
    /// The facts, which depend on the kind.
    pub data: serde_json::Value,
}

impl Alert {
    pub(super) fn of(stored: StoredAlert, now: OffsetDateTime) -> Self {
        let text = AlertText::of(&stored.subject.kind, &stored.data, stored.resolved_at.unwrap_or(now));
        let AlertText { title, scope, summary, lost, meaning, first_check, resolves, .. } = text;
        Self {
            id: stored.id,
            kind: stored.subject.kind,
            severity: stored.severity,
            environment: stored.environment,
            mage_id: stored.mage_id,
            key: stored.subject.key,
            title,
            scope,
            summary,
            lost,
            meaning,
            first_check,
            resolves,
            opened_at: stored.opened_at,
            updated_at: stored.updated_at,
            updates: stored.updates,
            acknowledged_at: stored.acknowledged_at,
            acknowledged_by: stored.acknowledged_by,
            snoozed_until: stored.snoozed_until,
            resolved_at: stored.resolved_at,
            resolved_by: stored.resolved_by,
            note: stored.note,
            data: json(&stored.data),
        }
    }
}

/// Something that happened to an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AlertChange {
    /// The number of the change, in the order of all changes.
    pub number: i64,
    /// The kind of change.
    pub change: AlertChangeKind,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: OffsetDateTime,
    /// The person; null if the program did it.
    pub by: Option<String>,
    /// The note.
    pub note: Option<String>,
    /// The facts at that time.
    pub data: serde_json::Value,
}

impl From<StoredAlertChange> for AlertChange {
    fn from(stored: StoredAlertChange) -> Self {
        let StoredAlertChange { number, change, at, by, note, data, .. } = stored;
        Self { number, change, at, by, note, data: json(&data) }
    }
}

/// Alerts, and what is not proven yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AlertList {
    /// The number of open, acknowledged and recently resolved alerts.
    pub counts: AlertCounts,
    /// The alerts: open ones first, and among them the most urgent first and then the oldest.
    pub alerts: Vec<Alert>,
    /// Registered endpoints at which no callback has ever arrived. This is not an alert.
    pub not_proven: Vec<NotProven>,
}

/// A registered endpoint at which no callback has ever arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NotProven {
    /// The name of the endpoint.
    pub endpoint: String,
    /// When it was registered.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub registered_at: OffsetDateTime,
}

/// An alert with everything that happened to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AlertDetail {
    /// The alert.
    pub alert: Alert,
    /// Its history, oldest first.
    pub changes: Vec<AlertChange>,
    /// The notifications about it, oldest first. Those that arrived are known for 7 days.
    #[serde(default)]
    pub notifications: Vec<AlertNotification>,
}

/// A notification about a change of an alert to a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AlertNotification {
    /// The number of the change.
    pub number: i64,
    /// The kind of change.
    pub change: AlertChangeKind,
    /// The name of the subscription.
    pub subscription: String,
    /// Whether the subscription received it as a fallback, because another one could not deliver it.
    pub is_fallback: bool,
    /// Whether it arrived.
    pub state: NotificationState,
    /// The delivery, if it waits or is dead.
    pub delivery: Option<i64>,
    /// When the last attempt was made.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub attempted_at: Option<OffsetDateTime>,
}

/// Whether a notification arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum NotificationState {
    /// It has not been sent yet, or is sent again.
    Waiting,
    /// The handler has accepted it.
    Delivered,
    /// It failed for good.
    Dead,
    /// It was not sent, or an operator has discarded it.
    NotSent,
}

impl From<StoredNotification> for AlertNotification {
    fn from(stored: StoredNotification) -> Self {
        let state = match (stored.delivery, stored.is_dead, stored.result.as_deref()) {
            (Some(_), true, _) => NotificationState::Dead,
            (Some(_), false, _) => NotificationState::Waiting,
            (None, _, Some("delivered")) => NotificationState::Delivered,
            (None, ..) => NotificationState::NotSent,
        };
        Self {
            number: stored.number,
            change: stored.change,
            subscription: stored.subscription,
            is_fallback: stored.is_fallback,
            state,
            delivery: stored.delivery,
            attempted_at: stored.attempted_at,
        }
    }
}

/// Which alerts to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AlertFilter {
    /// Also list alerts that were resolved in the last 30 days.
    #[serde(default)]
    pub all: bool,
}

/// An action of a person on an alert.
///
/// ```
/// let action = eqp_console::AlertAction::by("ops").note("asked on 24 Nov");
/// # drop(action);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AlertAction {
    /// The name of the person. The history names the token of the caller, and the note begins with this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// For snoozing: the seconds for which reminders do not name the alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

impl AlertAction {
    /// Creates an action of this person.
    pub fn by(name: impl Into<String>) -> Self {
        Self { by: Some(name.into()), ..Self::default() }
    }

    /// Sets the note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Sets the time for which an alert is snoozed.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.seconds = Some(duration.as_secs());
        self
    }
}

/// Reads facts. Those in the database are objects.
fn json(data: &str) -> serde_json::Value {
    serde_json::from_str(data).unwrap_or_default()
}
