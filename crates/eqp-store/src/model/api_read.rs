//! API reads: what the Marketplace's API answered about a submission or a file.

use eqp_types::{Flow, ResourceRead, ResourceReadError};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;
use uuid::Uuid;

use super::string_enum::{UnknownValue, string_enum};
use super::{AccountId, Resource, ResourceKind};

/// An API read to be stored.
#[derive(Clone, Debug)]
pub struct NewApiRead {
    pub resource: Resource,
    /// When the request was sent. An answer that a callback has overtaken is recognised by it.
    pub began_at: OffsetDateTime,
    /// When the whole answer had arrived.
    pub received_at: OffsetDateTime,
    /// Whether it describes what happened before the account was observed. Its events get the origin `baseline`.
    pub baseline: bool,
    /// The Marketplace's JSON about the resource.
    pub body: Vec<u8>,
    /// The reconcile run that made it.
    pub run_id: Option<i64>,
    /// The statuses in the body, which decide whether it says something new.
    pub(crate) statuses: Vec<(Flow, String)>,
}

impl NewApiRead {
    /// Decodes the JSON of a package or a file. `read` are the times of the request and of its answer.
    ///
    /// # Errors
    ///
    /// Returns [`ResourceReadError`] if the JSON has no ID or no status.
    pub fn decode(
        account: AccountId,
        kind: ResourceKind,
        body: Vec<u8>,
        (began_at, received_at): (OffsetDateTime, OffsetDateTime),
    ) -> Result<Self, ResourceReadError> {
        let ResourceRead { resource_id, statuses, .. } = decode_api_read(kind, &body)?;
        let resource = Resource { account_id: account.0, kind, id: resource_id };
        Ok(Self { resource, began_at, received_at, baseline: false, body, run_id: None, statuses })
    }
}

/// Decodes the JSON of a package or a file.
///
/// # Errors
///
/// Returns [`ResourceReadError`] if the JSON has no ID or no status.
pub fn decode_api_read(kind: ResourceKind, body: &[u8]) -> Result<ResourceRead, ResourceReadError> {
    match kind {
        ResourceKind::Submission => ResourceRead::package(body),
        ResourceKind::File => ResourceRead::file(body),
    }
}

/// A stored API read, exactly as the API answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredApiRead {
    /// The ID of the API read.
    pub id: Uuid,
    /// When the request was sent.
    pub began_at: OffsetDateTime,
    /// When the answer had arrived.
    pub received_at: OffsetDateTime,
    /// Whether it describes what happened before the account was observed.
    pub baseline: bool,
    /// The Marketplace's JSON about the resource.
    pub body: Vec<u8>,
}

/// The decision of the projection about an API read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<ApiReadDisposition>)]
pub enum ApiReadDisposition {
    /// It reported something new.
    Event,
    /// It confirmed what was known already.
    Duplicate,
    /// A report about the resource was received after the read had begun, so the read may be outdated.
    Discarded,
    /// It cannot be decoded.
    Undecodable,
}

string_enum!(ApiReadDisposition);

/// The decision of the projection about an API read.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectedApiRead {
    pub api_read_id: Uuid,
    pub disposition: ApiReadDisposition,
    /// The position of the read in the order of projection.
    pub ordinal: i64,
}

/// A change that an API read found although no callback had reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingCallback {
    pub api_read_id: Uuid,
    pub flow: Flow,
    pub account_id: i64,
    /// When the change was found.
    pub found_at: OffsetDateTime,
}

/// A callback that reported a change which an API read had found before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivedCallback {
    /// The API read that had found the change.
    pub api_read_id: Uuid,
    pub flow: Flow,
    pub callback_id: Uuid,
    pub arrived_at: OffsetDateTime,
}
