//! The data of reminders.

use eqp_store::internal::StoredAlert;
use eqp_types::{Environment, MageId};
use serde::Serialize;
use time::OffsetDateTime;

use super::{AlertDescription, AlertFacts};

/// The data of a reminder: the alerts that are open when it is sent, and that nobody has acknowledged or snoozed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReminderData {
    /// `page`, or `ticket` for the alerts of all other severities.
    pub severity: String,
    /// The title, in one line.
    pub title: String,
    /// The alerts, the most urgent first, and among them the oldest first.
    pub alerts: Vec<OpenAlert>,
}

/// An alert that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct OpenAlert {
    /// The number of the alert, the same in all messages about it.
    pub alert: i64,
    /// The kind of alert, for example `callbacks_missed`.
    pub kind: String,
    /// How urgent it is: `page`, `ticket` or `info`.
    pub severity: String,
    /// The title, in one line.
    pub title: String,
    /// When the alert was opened.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub opened_at: OffsetDateTime,
    /// The environment of the account, if the alert is about an account.
    pub environment: Option<Environment>,
    /// The account, if the alert is about an account.
    pub mage_id: Option<MageId>,
    /// The submission or file, if the alert is about one.
    pub resource_id: Option<String>,
    /// The SKU of the product, if the alert is about one.
    pub sku: Option<String>,
    /// The version of the product, if the alert is about one.
    pub version: Option<String>,
}

impl ReminderData {
    /// Creates the data of a reminder of these alerts.
    pub fn new(severity: impl Into<String>, alerts: Vec<OpenAlert>) -> Self {
        let title = match alerts.len() {
            1 => "1 alert is still open".to_owned(),
            count => format!("{count} alerts are still open"),
        };
        Self { severity: severity.into(), title, alerts }
    }
}

impl OpenAlert {
    /// Creates an alert that is about nothing in particular.
    pub fn new(
        (alert, kind, severity): (i64, impl Into<String>, impl Into<String>),
        title: impl Into<String>,
        opened_at: OffsetDateTime,
    ) -> Self {
        Self {
            alert,
            kind: kind.into(),
            severity: severity.into(),
            title: title.into(),
            opened_at,
            environment: None,
            mage_id: None,
            resource_id: None,
            sku: None,
            version: None,
        }
    }

    pub(crate) fn of_stored(stored: &StoredAlert, description: AlertDescription) -> Self {
        let facts = AlertFacts::of(&stored.data);
        let mut open = Self::new(
            (stored.id, stored.subject.kind.as_str(), stored.severity.as_str()),
            description.title,
            stored.opened_at,
        );
        (open.environment, open.mage_id) = (stored.environment, stored.mage_id.clone());
        (open.resource_id, open.sku, open.version) = (facts.resource_id, facts.sku, facts.version);
        open
    }
}
