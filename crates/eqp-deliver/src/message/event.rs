//! The data of messages about events.

use std::collections::BTreeMap;
use std::sync::Arc;

use eqp_store::Event;
use serde::Serialize;
use time::OffsetDateTime;

/// The data of a message about an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EventData {
    /// The event, as commands print it.
    #[serde(flatten)]
    pub event: Event,
    /// The SKU of the product, if it is known.
    pub sku: Option<String>,
    /// The version of the submission, if it is known.
    pub version: Option<String>,
    /// The name of the product, if it is known.
    pub name: Option<String>,
    /// The commit from which the version was built, if it is known.
    pub commit: Option<String>,
    /// The URL of the git repository of the product, if the worker's configuration contains it.
    pub repository: Option<String>,
    /// The git tag of the version, if the worker's configuration contains the pattern of tags.
    pub tag: Option<String>,
    /// When the first report arrived that the version is in review, if there was one.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub submitted_at: Option<OffsetDateTime>,
    /// The version of the product that is in the store at the time at which the message was sent, if it is known.
    pub store_version: Option<String>,
    /// The status of the flow before this event, or `None` if none was known.
    pub previous_status: Option<String>,
    /// The current status of each flow of the resource, at the time at which the message was sent.
    pub statuses: BTreeMap<String, String>,
    /// A number that increases with each event of the resource, with gaps. A message with a lower number than one that was already
    /// processed is outdated.
    pub resource_sequence: Option<i64>,
    /// The `seq` of an earlier event of the resource that has not been delivered yet, because delivering it fails.
    pub out_of_order_after: Option<i64>,
    /// The reasons for a rejection, one line each, as far as they are known.
    pub findings: Vec<String>,
    /// Pages about the event.
    pub urls: MessageUrls,
}

/// The URLs in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MessageUrls {
    /// The page about the submission, file or alert, if the public URL of the pages is configured.
    pub page: Option<String>,
    /// The event in the operator API, if its public URL is configured.
    pub event: Option<String>,
}

/// The content of a message about an event in addition to the event itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageContext {
    /// The current status of each flow of the resource.
    pub statuses: BTreeMap<String, String>,
    /// The status of the flow before this event.
    pub previous_status: Option<String>,
    /// A number that increases with each event of the resource.
    pub resource_sequence: Option<i64>,
    /// The SKU of the product.
    pub sku: Option<String>,
    /// The version of the submission.
    pub version: Option<String>,
    /// The name of the product.
    pub name: Option<String>,
    /// The commit from which the version was built.
    pub commit: Option<String>,
    /// When the first report arrived that the version is in review.
    pub submitted_at: Option<OffsetDateTime>,
    /// The version of the product that is in the store.
    pub store_version: Option<String>,
    /// The git repository and the tag of the version.
    pub source: ProductSource,
    /// The reasons for a rejection, one line each, the most important first.
    pub findings: Vec<String>,
    /// Pages about the event.
    pub urls: MessageUrls,
    /// The `seq` of an earlier event of the resource that has not been delivered yet.
    pub out_of_order_after: Option<i64>,
}

/// Where the source code of a version is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProductSource {
    /// The URL of the git repository.
    pub repository: Option<String>,
    /// The git tag of the version.
    pub tag: Option<String>,
}

/// Returns the source of a product and a version, from the configuration of the worker.
pub type DescribeProduct = Arc<dyn Fn(&str, Option<&str>) -> ProductSource + Send + Sync>;

impl EventData {
    pub(super) fn new(event: &Event, context: &MessageContext) -> Self {
        let context = context.clone();
        Self {
            event: event.clone(),
            sku: context.sku,
            version: context.version,
            name: context.name,
            commit: context.commit,
            submitted_at: context.submitted_at,
            store_version: context.store_version,
            repository: context.source.repository,
            tag: context.source.tag,
            previous_status: context.previous_status,
            statuses: context.statuses,
            resource_sequence: context.resource_sequence,
            out_of_order_after: context.out_of_order_after,
            findings: context.findings,
            urls: context.urls,
        }
    }
}
