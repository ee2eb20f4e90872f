//! One event with the reports about it.

use std::borrow::Cow;
use std::net::IpAddr;

use eqp_store::{CallbackDisposition, DuplicateCallback, Event, EventDetail, StoredApiRead, StoredCallback};
use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// An event with the callbacks that reported it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReportedEvent {
    /// The event.
    pub event: Event,
    /// The callback that reported the event; null if an API read did, or if retention has deleted it.
    pub callback: Option<CallbackReport>,
    /// The API read that reported the event; null if a callback did, or if retention has deleted it.
    pub api_read: Option<ApiReadReport>,
    /// Later callbacks that are duplicates of that report, oldest first.
    pub duplicates: Vec<DuplicateCallback>,
}

/// A stored callback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CallbackReport {
    /// The ID of the callback, which its sender received in the response.
    pub id: Uuid,
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The name of the endpoint.
    pub endpoint: String,
    /// When it arrived.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub received_at: OffsetDateTime,
    /// The IP address of the sender.
    pub source: IpAddr,
    /// The requested path and query, if they differ from the registered ones.
    pub arrived_path: Option<String>,
    /// The stored headers, each as a line.
    pub headers: ReportBody,
    /// The body.
    pub body: ReportBody,
    /// The decision of the projection; null while the callback is pending.
    pub disposition: Option<CallbackDisposition>,
}

/// A stored API read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ApiReadReport {
    /// The ID of the API read.
    pub id: Uuid,
    /// When the request was sent.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub began_at: OffsetDateTime,
    /// When the response had arrived.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub received_at: OffsetDateTime,
    /// Whether it describes events from before the account was observed.
    pub baseline: bool,
    /// The Marketplace's JSON about the resource.
    pub body: ReportBody,
}

/// The bytes of a callback or an API read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ReportBody {
    /// Bytes in UTF-8.
    Text(String),
    /// The values of bytes that are not UTF-8, so that nothing is lost.
    Bytes(Vec<u8>),
}

impl ReportBody {
    /// Returns the bytes as they were received.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Returns the text. Bytes that are not UTF-8 are replaced.
    pub fn to_text_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes())
    }

    fn new(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }
}

impl From<EventDetail> for ReportedEvent {
    fn from(detail: EventDetail) -> Self {
        let EventDetail { event, callback, api_read, duplicates, .. } = detail;
        Self { event, callback: callback.map(Into::into), api_read: api_read.map(Into::into), duplicates }
    }
}

impl From<StoredCallback> for CallbackReport {
    fn from(callback: StoredCallback) -> Self {
        Self {
            id: callback.id,
            environment: callback.environment,
            mage_id: callback.mage_id,
            endpoint: callback.endpoint,
            received_at: callback.received_at,
            source: callback.source,
            arrived_path: callback.arrived_path,
            headers: ReportBody::new(callback.headers),
            body: ReportBody::new(callback.body),
            disposition: callback.disposition,
        }
    }
}

impl From<StoredApiRead> for ApiReadReport {
    fn from(read: StoredApiRead) -> Self {
        Self {
            id: read.id,
            began_at: read.began_at,
            received_at: read.received_at,
            baseline: read.baseline,
            body: ReportBody::new(read.body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_back_as_it_was_received() {
        for bytes in [&b"{\"a\": 1}"[..], b"\xff\x00", b""] {
            let body = ReportBody::new(bytes.to_vec());
            let json = serde_json::to_string(&body).unwrap();
            assert_eq!(serde_json::from_str::<ReportBody>(&json).unwrap().bytes(), bytes, "{json}");
        }
    }
}
