//! The facts from which a status is derived.

use std::time::Duration;

use eqp_sync::{ListingFindings, Stage};
use eqp_types::Environment;
use time::OffsetDateTime;

use super::channel::ChannelFacts;
use super::model::{StatusAccount, StatusSource, VersionState};

/// Everything that a status is derived from.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) now: OffsetDateTime,
    pub(super) source: StatusSource,
    /// The selected environment.
    pub(super) environment: Option<Environment>,
    pub(super) accounts: Vec<StatusAccount>,
    pub(super) versions: Vec<VersionFacts>,
    /// The products were selected, so that all of their versions are listed.
    pub(super) is_selection: bool,
    /// `None` if the Marketplace alone was queried.
    pub(super) channel: Option<ChannelFacts>,
    /// The last findings about the listings in the store.
    pub(super) listings: Vec<(StatusAccount, ListingFindings)>,
    pub(super) is_complete: bool,
}

/// A version of a product: a submission, or a file whose submission is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VersionFacts {
    pub(super) account: StatusAccount,
    /// The ID of the submission or file.
    pub(super) resource_id: String,
    pub(super) item_id: Option<String>,
    pub(super) sku: Option<String>,
    pub(super) version: Option<String>,
    pub(super) name: Option<String>,
    /// Its place in the order in which the submissions of an account were created.
    pub(super) order: i64,
    pub(super) is_patch: bool,
    pub(super) overall: Option<FlowFacts>,
    pub(super) technical: Option<FlowFacts>,
    pub(super) marketing: Option<FlowFacts>,
    /// The malware scan of its archive, if that has not ended.
    pub(super) scan: Option<FlowFacts>,
    /// The file of its archive, if that is known.
    pub(super) archive_id: Option<String>,
    /// The reasons for a rejection in one line.
    pub(super) reason: Option<String>,
    /// The finding about the listing, if this is a line about the listing and not about a submission.
    pub(super) listing: Option<ListingState>,
}

/// The state of a listing that needs the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListingState {
    pub(super) state: VersionState,
    pub(super) since: OffsetDateTime,
    /// The consequence, in one line.
    pub(super) reason: Option<String>,
}

/// The status of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FlowFacts {
    pub(super) status: String,
    /// Since when it has this status or, if it is in review, since when it has been at its stage.
    pub(super) since: OffsetDateTime,
    pub(super) review: Option<ReviewFacts>,
    pub(super) is_unconfirmed: bool,
}

/// The stage at which a flow waits for the Marketplace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReviewFacts {
    pub(super) stage: Stage,
    /// The time after which it is stuck.
    pub(super) limit: Duration,
    /// The 25th and 75th percentile of the earlier durations of this account, in seconds.
    pub(super) typical: Option<[u64; 2]>,
}

impl FlowFacts {
    /// Returns whether it has waited longer than the limit.
    pub(super) fn is_stuck(&self, now: OffsetDateTime) -> bool {
        self.review.is_some_and(|review| now - self.since > review.limit)
    }
}

impl VersionFacts {
    /// Returns whether the Marketplace reports that it is in the store.
    pub(super) fn is_in_store(&self) -> bool {
        self.overall.as_ref().is_some_and(|overall| overall.status == "released_to_store")
    }

    /// Returns the flows that reviews consist of, each with its name.
    pub(super) fn reviews(&self) -> impl Iterator<Item = (&'static str, &FlowFacts)> {
        let flows = [("malware", &self.scan), ("technical", &self.technical), ("marketing", &self.marketing)];
        flows.into_iter().filter_map(|(flow, facts)| Some((flow, facts.as_ref()?)))
    }
}
