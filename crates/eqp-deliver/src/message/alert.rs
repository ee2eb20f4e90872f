//! The data of messages about alerts.

use std::sync::Arc;

use eqp_store::AlertChangeKind;
use eqp_store::internal::ReportedAlert;
use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::MessageUrls;

/// A change of an alert that is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertChange {
    /// The alert was opened.
    Opened,
    /// The alert was acknowledged.
    Acknowledged,
    /// The condition has ended.
    Resolved,
}

/// An alert in words, for people who receive messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertDescription {
    /// The title, in one line.
    pub title: String,
    /// The description: whether anything is lost, what it means, what to check first and how it ends.
    pub text: String,
}

/// Describes an alert from its kind, its facts as JSON, and the time of the change that is reported.
pub type DescribeAlert = Arc<dyn Fn(&str, &str, OffsetDateTime) -> AlertDescription + Send + Sync>;

/// Describes alerts by their kind and their facts as JSON.
pub(crate) fn plain_description() -> DescribeAlert {
    Arc::new(|kind, data, _| AlertDescription { title: kind.replace('_', " "), text: data.to_owned() })
}

/// The facts of an alert that do not depend on its kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AlertFacts {
    /// The number of the subscription that the alert is about.
    pub(crate) subscription_id: Option<i32>,
    pub(crate) resource_id: Option<String>,
    pub(crate) sku: Option<String>,
    pub(crate) version: Option<String>,
}

impl AlertFacts {
    /// Reads stored facts. Those of a later version can have another type, and are then not known.
    pub(crate) fn of(data: &str) -> Self {
        serde_json::from_str(data).unwrap_or_else(|_| Self::default())
    }
}

impl AlertChange {
    /// Returns `None` for changes of which subscriptions are not notified.
    pub(crate) fn of_stored(change: AlertChangeKind) -> Option<Self> {
        match change {
            AlertChangeKind::Opened => Some(Self::Opened),
            AlertChangeKind::Acknowledged => Some(Self::Acknowledged),
            AlertChangeKind::Resolved => Some(Self::Resolved),
            AlertChangeKind::Updated
            | AlertChangeKind::Snoozed
            | AlertChangeKind::Noted
            | AlertChangeKind::Reminded => None,
        }
    }
}

/// The data of a message about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AlertData {
    /// The number of the alert, the same in all messages about it.
    pub alert: i64,
    /// The kind of alert, for example `callbacks_missed`.
    pub kind: String,
    /// How urgent it is: `page`, `ticket` or `info`.
    pub severity: String,
    /// The title, in one line.
    pub title: String,
    /// The description: whether anything is lost, what it means, what to check first and how it ends.
    pub text: String,
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
    /// Pages about the alert.
    pub urls: MessageUrls,
}

impl AlertData {
    /// Creates the data of an alert that is about nothing in particular.
    pub fn new(
        (alert, kind, severity): (i64, impl Into<String>, impl Into<String>),
        (title, text): (impl Into<String>, impl Into<String>),
        opened_at: OffsetDateTime,
    ) -> Self {
        Self {
            alert,
            kind: kind.into(),
            severity: severity.into(),
            title: title.into(),
            text: text.into(),
            opened_at,
            environment: None,
            mage_id: None,
            resource_id: None,
            sku: None,
            version: None,
            urls: MessageUrls::default(),
        }
    }

    /// Creates the data of a message about a stored change.
    pub(crate) fn of_stored(stored: &ReportedAlert, description: AlertDescription) -> Self {
        let facts = AlertFacts::of(&stored.data);
        let mut data = Self::new(
            (stored.alert, stored.kind.as_str(), stored.severity.as_str()),
            (description.title, description.text),
            stored.opened_at,
        );
        (data.environment, data.mage_id) = (stored.environment, stored.mage_id.clone());
        (data.resource_id, data.sku, data.version) = (facts.resource_id, facts.sku, facts.version);
        data
    }
}
