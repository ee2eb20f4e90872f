//! Tracks: the current status of each flow of each submission and file.

use std::collections::HashMap;

use eqp_types::{Flow, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;

use super::ReportId;
use super::string_enum::{UnknownValue, string_enum};

/// The number of bytes of a digest that are stored. Two different reports practically never have the same 16 bytes.
const DIGEST_BYTES: usize = 16;

/// Digest of a report: its account, resource, time and statuses.
pub type ContentDigest = [u8; DIGEST_BYTES];

/// The kind of resource that a callback is about.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<ResourceKind>)]
pub enum ResourceKind {
    /// A package submission.
    Submission,
    /// An uploaded file.
    File,
}

string_enum!(ResourceKind);

/// A submission or file of one account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    pub account_id: i64,
    pub kind: ResourceKind,
    pub id: String,
}

/// The state of a track.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackState {
    /// The current status.
    pub status: String,
    /// The reported time of the current status, if it is known.
    pub modified_at: Option<Timestamp>,
    /// The latest time of any report about the track.
    pub seen_until: Option<Timestamp>,
    /// Whether several statuses have the time `seen_until`.
    pub ambiguous: bool,
    /// When an API read last reported the current status. `None` if none has.
    pub confirmed_at: Option<OffsetDateTime>,
    /// Whether the API contradicted the callback that reported the previous status.
    pub unconfirmed: bool,
    /// The latest time that `seen_until` ever had. No event of the track has a later trusted time.
    pub history_until: Option<Timestamp>,
}

/// A track, with the event that changed it last.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    pub id: i64,
    pub flow: Flow,
    pub item_id: Option<String>,
    pub state: TrackState,
    /// When the report that the status comes from was received.
    pub received_at: OffsetDateTime,
    /// The report that the status comes from.
    pub report: Option<ReportId>,
    /// When the last report about this track was received. The time of a resource is the latest of its tracks.
    pub reported_at: OffsetDateTime,
    pub event_seq: i64,
    /// Whether it differs from the row in the database.
    pub changed: bool,
}

/// The tracks of the resources of a batch.
pub type Tracks = HashMap<Resource, Vec<Track>>;

/// A timed event of a track.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    pub track_id: i64,
    pub modified_at: Timestamp,
    pub seq: i64,
    pub status: String,
    /// The report that caused the event.
    pub report: Option<ReportId>,
}

/// The highest numbers that have been assigned.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_field_names, reason = "the columns of the table")]
pub struct LastNumbers {
    pub last_event_seq: i64,
    pub last_track_id: i64,
    /// The position of the last report in the order of projection.
    pub last_ordinal: i64,
}

/// Returns a status in the spelling in which statuses are stored and compared.
pub fn canonical_status(flow: &Flow, status: &str) -> String {
    eqp_types::canonical_status(flow, status).to_owned()
}

/// Returns the stored spelling of a status for a filter without a flow: the spelling of the first flow that documents another one.
pub fn canonical_status_of_any_flow(status: &str) -> &str {
    let flows = [Flow::Overall, Flow::Technical, Flow::Marketing, Flow::Malware];
    flows
        .iter()
        .map(|flow| eqp_types::canonical_status(flow, status))
        .find(|spelled| *spelled != status)
        .unwrap_or(status)
}
