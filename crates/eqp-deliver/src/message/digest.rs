//! The data of weekly digests.

use std::collections::BTreeMap;

use eqp_types::{Environment, Flow, MageId};
use serde::Serialize;
use time::OffsetDateTime;

use super::OpenAlert;

/// The data of a weekly digest: what has changed in a week, and what is in review or needs attention when the message is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DigestData {
    /// The week of the calendar in which the digest was created, for example `2026-W49`.
    pub week: String,
    /// The start of the time that it is about.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub from: OffsetDateTime,
    /// The end of that time.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub to: OffsetDateTime,
    /// The title, in one line.
    pub title: String,
    /// The products with a submission that has changed or is in review.
    pub products: Vec<DigestProduct>,
    /// The alerts that are open, the most urgent first, and among them the oldest first.
    pub alerts: Vec<OpenAlert>,
    /// The number of submissions and alerts that are omitted, because there are too many.
    pub omitted: usize,
}

/// A product in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DigestProduct {
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The SKU, if it is known.
    pub sku: Option<String>,
    /// The version that is in the store, if it is known.
    pub store_version: Option<String>,
    /// The submissions that have changed or are in review.
    pub submissions: Vec<DigestSubmission>,
}

/// A submission in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DigestSubmission {
    /// The submission.
    pub resource_id: String,
    /// The version, if it is known.
    pub version: Option<String>,
    /// The current status of each flow.
    pub statuses: BTreeMap<String, String>,
    /// Whether it waits for the Marketplace.
    pub in_review: bool,
    /// The changes of the week, oldest first.
    pub changes: Vec<DigestChange>,
}

/// A change of the status of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DigestChange {
    /// The flow.
    pub flow: Flow,
    /// The status.
    pub status: String,
    /// The status before this change, if one was known.
    pub previous_status: Option<String>,
    /// When the callback arrived or the API was read.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: OffsetDateTime,
}

impl DigestData {
    /// Creates the data of a digest about a time, which ends when the digest is created.
    pub fn new(
        (from, to): (OffsetDateTime, OffsetDateTime),
        products: Vec<DigestProduct>,
        alerts: Vec<OpenAlert>,
    ) -> Self {
        let (year, week, _) = to.date().to_iso_week_date();
        let week = format!("{year}-W{week:02}");
        let mut data = Self { week, from, to, title: String::new(), products, alerts, omitted: 0 };
        data.describe();
        data
    }

    /// Sets the title.
    pub(crate) fn describe(&mut self) {
        let submissions = || self.products.iter().flat_map(|product| &product.submissions);
        let changes = submissions().map(|submission| submission.changes.len()).sum::<usize>();
        let in_review = submissions().filter(|submission| submission.in_review).count();
        let counted = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let counts = [
            counted(changes, "change", "changes"),
            counted(in_review, "in review", "in review"),
            counted(self.alerts.len(), "open alert", "open alerts"),
        ];
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        let (from, to) = (self.from.date(), self.to.date());
        let month = |date: time::Date| date.month().to_string()[..3].to_owned();
        let first = if (from.month(), from.year()) == (to.month(), to.year()) {
            from.day().to_string()
        } else {
            format!("{} {}", from.day(), month(from))
        };
        let time = format!("{first} to {} {} {}", to.day(), month(to), to.year());
        self.title = format!("Marketplace, {time}: {}", counts.join(", "));
    }
}

impl DigestProduct {
    /// Creates a product.
    pub fn new(
        environment: Environment,
        mage_id: MageId,
        sku: Option<String>,
        submissions: Vec<DigestSubmission>,
    ) -> Self {
        Self { environment, mage_id, sku, store_version: None, submissions }
    }
}

impl DigestSubmission {
    /// Creates a submission without changes, which is not in review.
    pub fn new(resource_id: impl Into<String>) -> Self {
        Self {
            resource_id: resource_id.into(),
            version: None,
            statuses: BTreeMap::new(),
            in_review: false,
            changes: Vec::new(),
        }
    }
}

impl DigestChange {
    /// Creates a change.
    pub fn new(flow: Flow, status: impl Into<String>, at: OffsetDateTime) -> Self {
        Self { flow, status: status.into(), previous_status: None, at }
    }
}
