//! The data of messages about alerts.

use eqp_types::{Environment, MageId};
use serde::Serialize;
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

/// The data of a message about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AlertData {
    /// The number of the alert, the same in all messages about it.
    pub alert: i64,
    /// The kind of alert, for example `callbacks_missed`.
    pub kind: String,
    /// How urgent it is: `page` or `ticket`.
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
}
