//! Stored callbacks, and their dispositions.

use std::net::IpAddr;

use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;
use uuid::Uuid;

use super::string_enum::{UnknownValue, string_enum};
use super::{ContentDigest, ResourceKind};

/// A stored callback, exactly as it was received.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredCallback {
    /// The ID of the callback, which its sender received in the response.
    pub id: Uuid,
    /// The environment of the account.
    pub environment: Environment,
    /// The account whose endpoint received the callback.
    pub mage_id: MageId,
    /// The name of the endpoint that received the callback.
    pub endpoint: String,
    /// When the callback arrived.
    pub received_at: OffsetDateTime,
    /// The IP address of the sender.
    pub source: IpAddr,
    /// The requested path and query, if they differ from the registered ones.
    pub arrived_path: Option<String>,
    /// The stored headers, each as a line `name: value`. The line `:path: …`, if present, is not a header: it contains
    /// [`arrived_path`](Self::arrived_path).
    pub headers: Vec<u8>,
    /// The body of the request.
    pub body: Vec<u8>,
    /// The decision of the projection about the callback, or `None` while it is pending.
    pub disposition: Option<CallbackDisposition>,
    /// The ID of the earlier callback or API read that this one duplicates.
    pub duplicate_of: Option<Uuid>,
}

/// A callback that reported nothing new, as [`Reader::duplicates`](crate::Reader::duplicates) lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DuplicateCallback {
    /// The ID of the callback, which its sender received in the response.
    pub id: Uuid,
    /// When the callback arrived.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub received_at: OffsetDateTime,
    /// The name of the endpoint that received the callback.
    pub endpoint: String,
}

/// The decision of the projection about a callback.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<CallbackDisposition>)]
pub enum CallbackDisposition {
    /// The callback reported something new.
    Event,
    /// The callback reported nothing new.
    Duplicate,
    /// The event code of the callback is not documented.
    Unknown,
    /// The callback cannot be decoded.
    Undecodable,
}

string_enum!(CallbackDisposition);

/// The numbers of callbacks, events and resources in the database.
///
/// Counting reads entire tables, so do not request these numbers every second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Callbacks that are stored.
    pub callbacks_received: u64,
    /// Callbacks that are stored but not projected yet.
    pub pending: u64,
    /// Events about submissions and files.
    pub events: u64,
    /// Callbacks that reported nothing new.
    pub duplicates: u64,
    /// Callbacks with an event code that is not documented.
    pub unknown: u64,
    /// Callbacks that cannot be decoded.
    pub undecodable: u64,
    /// Events with the disposition `late`.
    pub late: u64,
    /// Events with the disposition `ambiguous`.
    pub ambiguous: u64,
    /// Events with the disposition `corrected`.
    pub corrected: u64,
    /// Submissions that at least one report was about.
    pub submissions: u64,
    /// Files that at least one report was about.
    pub files: u64,
}

/// The account that an endpoint belongs to.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Account {
    pub id: i64,
    pub environment: Environment,
    pub mage_id: MageId,
}

/// The decision of the projection about a callback.
#[derive(Clone, Debug, PartialEq)]
#[doc(hidden)]
pub struct ProjectedCallback {
    pub callback_id: Uuid,
    /// The submission or file, or `None` if the callback is unknown or undecodable.
    pub resource: Option<(ResourceKind, String)>,
    pub disposition: CallbackDisposition,
    /// The earlier callback or API read that this one duplicates, if it is known.
    pub duplicate_of: Option<Uuid>,
    /// Stored only for the first callback with this content.
    pub content_digest: Option<ContentDigest>,
    /// The position of the callback in the order of projection.
    pub ordinal: i64,
}
