//! Compares a response with the tracks of its resource. No I/O.

use eqp_store::ResourceKind;
use eqp_store::internal::Track;
use eqp_types::{Flow, Timestamp};
use serde::Serialize;
use strum::{Display, IntoStaticStr};

use super::response::ResourceResponse;

/// A resource of which the Marketplace reports something that its tracks do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Difference {
    /// Whether it is a submission or a file.
    pub resource_kind: ResourceKind,
    /// The Marketplace's ID of the resource.
    pub resource_id: String,
    /// The SKU of the submission, if it has one yet.
    pub sku: Option<String>,
    /// The version of the submission.
    pub version: Option<String>,
    /// When the resource last changed, if the Marketplace reports it.
    pub modified_at: Option<Timestamp>,
    /// The reason why the response is stored.
    pub reason: DifferenceReason,
    /// The flows whose status differs. Empty if the response only confirms the known statuses.
    pub statuses: Vec<StatusDifference>,
    /// Whether it happened before the account was watched, so that it is not reported as a change.
    pub baseline: bool,
}

/// A flow whose status differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct StatusDifference {
    /// The flow.
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub flow: Flow,
    /// The status of the track; `None` if there is no track.
    pub known: Option<String>,
    /// The status that the Marketplace reports.
    pub current: String,
}

/// The reason why a response of the Marketplace is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, IntoStaticStr, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum DifferenceReason {
    /// No track of the resource exists.
    New,
    /// A track has another status.
    Changed,
    /// Several statuses were reported for the same second, and only the Marketplace knows which of them came last.
    Ambiguous,
    /// The Marketplace contradicted the status in an earlier response.
    Unconfirmed,
}

/// The result of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The tracks have the statuses of the response.
    Same,
    /// The response reports a new status.
    Differs(Difference),
    /// A report about the resource arrived after the request was sent, so the response may be older than the report. The resource must
    /// be read again.
    Overtaken,
}

/// Compares a response with the tracks of its resource.
pub(super) fn compare(response: &ResourceResponse, tracks: &[Track], baseline: bool) -> Comparison {
    let statuses: Vec<_> =
        response.report.statuses.iter().filter_map(|(flow, status)| differs(tracks, flow, status)).collect();
    let reason = if tracks.is_empty() {
        DifferenceReason::New
    } else if !statuses.is_empty() {
        DifferenceReason::Changed
    } else if tracks.iter().any(|track| track.state.ambiguous) {
        DifferenceReason::Ambiguous
    } else if tracks.iter().any(|track| track.state.unconfirmed) {
        DifferenceReason::Unconfirmed
    } else {
        return Comparison::Same;
    };
    if tracks.iter().any(|track| track.reported_at >= response.time.began_at) {
        return Comparison::Overtaken;
    }
    Comparison::Differs(Difference {
        resource_kind: response.kind,
        resource_id: response.report.resource_id.clone(),
        sku: response.sku.clone(),
        version: response.version.clone(),
        modified_at: response.report.modified_at,
        reason,
        statuses,
        baseline,
    })
}

fn differs(tracks: &[Track], flow: &Flow, current: &str) -> Option<StatusDifference> {
    let known = tracks.iter().find(|track| track.flow == *flow).map(|track| track.state.status.clone());
    let same = known.as_deref() == Some(current);
    (!same).then(|| StatusDifference { flow: flow.clone(), known, current: current.to_owned() })
}

fn as_text<S: serde::Serializer>(flow: &Flow, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(flow)
}
