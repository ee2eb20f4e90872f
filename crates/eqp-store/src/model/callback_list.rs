//! Callbacks as they are listed, and the filter of the list.

use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{CallbackDisposition, ResourceKind};

/// Selects stored callbacks, which are listed newest first. A field that is `None` does not restrict the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CallbackFilter {
    /// Only callbacks of this environment.
    pub environment: Option<Environment>,
    /// Only callbacks of this account.
    pub mage_id: Option<MageId>,
    /// Only callbacks that the endpoint with this name received.
    pub endpoint: Option<String>,
    /// Only callbacks about the submission or file with this ID. Callbacks that are not projected yet are not found.
    pub resource_id: Option<String>,
    /// Only callbacks with this disposition.
    pub disposition: Option<CallbackDisposition>,
    /// Only callbacks that are not projected yet (true) or that are (false).
    pub pending: Option<bool>,
    /// Only callbacks that arrived at this time or later.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub since: Option<OffsetDateTime>,
    /// Only callbacks that arrived before this time.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub until: Option<OffsetDateTime>,
    /// Only callbacks with a lower ID, for requesting the next page.
    pub before_id: Option<Uuid>,
    /// The maximum number of callbacks: 50 by default, and at most 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for CallbackFilter {
    fn default() -> Self {
        Self {
            environment: None,
            mage_id: None,
            endpoint: None,
            resource_id: None,
            disposition: None,
            pending: None,
            since: None,
            until: None,
            before_id: None,
            limit: 50,
        }
    }
}

/// A stored callback as it is listed, without its headers and its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CallbackSummary {
    /// The ID of the callback, which its sender received in the response.
    pub id: Uuid,
    /// The environment of the account.
    pub environment: Environment,
    /// The account whose endpoint received the callback.
    pub mage_id: MageId,
    /// The name of the endpoint.
    pub endpoint: String,
    /// When the callback arrived.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub received_at: OffsetDateTime,
    /// The kind of the resource; null while the callback is pending, and if it is unknown or undecodable.
    pub resource_kind: Option<ResourceKind>,
    /// The ID of the submission or file; null if `resource_kind` is.
    pub resource_id: Option<String>,
    /// The decision of the projection; null while the callback is pending. The test callbacks of `eqp doctor` are never projected.
    pub disposition: Option<CallbackDisposition>,
    /// The earlier callback or API read that this one duplicates, if it is known.
    pub duplicate_of: Option<Uuid>,
    /// The size of the body in bytes.
    pub size_bytes: u64,
}

/// A page of a list of callbacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackPage {
    pub callbacks: Vec<CallbackSummary>,
    /// The `before_id` of the next page, if there can be more callbacks.
    pub next: Option<Uuid>,
}
