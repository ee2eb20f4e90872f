//! A batch of pending reports, and what the database knows about their resources.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use eqp_types::Timestamp;
use time::OffsetDateTime;
use uuid::Uuid;

use super::decode::{Decoded, decode, decode_read};
use super::history::History;
use super::report::StatusReport;
use eqp_store::internal::{
    Account, ContentDigest, LastNumbers, PendingReport, ReadContext, ReportId, Resource, Tracks,
};

/// The maximum time by which the reported time may be later than the time of receipt. A later time is not trusted.
const MAX_CLOCK_AHEAD: time::Duration = time::Duration::hours(48);

/// A callback or an API read that is not projected yet, decoded.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) id: ReportId,
    pub(crate) account: Arc<Account>,
    pub(crate) received_at: OffsetDateTime,
    pub(crate) decoded: Decoded,
    /// Digest of what a callback reports. API reads have none.
    pub(crate) content_digest: Option<ContentDigest>,
    /// The circumstances of an API read, or `None` for a callback.
    pub(crate) read: Option<ReadContext>,
}

impl Pending {
    /// Decodes a stored callback or API read.
    pub(crate) fn new(stored: &PendingReport) -> Self {
        let PendingReport { id, account, received_at, body, read } = stored;
        let (id, decoded) = match read {
            None => (ReportId::Callback(*id), decode(body)),
            Some(context) => (ReportId::ApiRead(*id), decode_read(context, body)),
        };
        let mut pending = Self {
            id,
            account: Arc::clone(account),
            received_at: *received_at,
            decoded,
            content_digest: None,
            read: read.clone(),
        };
        if pending.read.is_none() {
            pending.content_digest = pending.report().and_then(|report| report.content_digest(account.id));
        }
        pending
    }

    /// Returns whether the reported time is too far ahead of our clock to be used for the order of events.
    pub(crate) fn is_clock_doubtful(&self) -> bool {
        let reported = self.report().and_then(|report| report.modified_at);
        reported.is_some_and(|at| at.to_utc() - self.received_at > MAX_CLOCK_AHEAD)
    }

    /// Returns the reported time, if it can be trusted.
    pub(crate) fn trusted_time(&self) -> Option<Timestamp> {
        self.report().and_then(|report| report.modified_at).filter(|_| !self.is_clock_doubtful())
    }

    /// Decodes stored callbacks and API reads.
    pub(crate) fn all(stored: &[PendingReport]) -> Vec<Self> {
        stored.iter().map(Self::new).collect()
    }

    /// Makes the report undecodable after all, with a reason.
    pub(crate) fn make_undecodable(&mut self, reason: String) {
        self.decoded = Decoded::Undecodable(reason);
        self.content_digest = None;
    }

    fn report(&self) -> Option<&StatusReport> {
        match &self.decoded {
            Decoded::Report(report) => Some(report),
            Decoded::Unknown(_) | Decoded::Undecodable(_) | Decoded::Panicked(_) => None,
        }
    }

    /// Returns the resource that the report is about. Of an API read it is known even if its body is undecodable.
    pub(crate) fn resource(&self) -> Option<Resource> {
        let account_id = self.account.id;
        if let Some(read) = &self.read {
            return Some(Resource { account_id, kind: read.resource_kind, id: read.resource_id.clone() });
        }
        let report = self.report()?;
        Some(Resource { account_id, kind: report.kind, id: report.resource_id.clone() })
    }
}

/// The stored data about the resources of a batch.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) numbers: LastNumbers,
    pub(crate) tracks: Tracks,
    pub(crate) history: History,
    /// For the content of each callback of the batch, the first callback that had it.
    pub(crate) first_with_content: HashMap<ContentDigest, Uuid>,
}

/// Returns the tracks and times for which the rule needs the events before and after. Most reports report a time later than
/// everything seen, or repeat an earlier callback, and need none.
pub(crate) fn history_needed(
    tracks: &Tracks,
    first_with_content: &HashMap<ContentDigest, Uuid>,
    batch: &[Pending],
) -> HashSet<(i64, Timestamp)> {
    let mut seen_until: HashMap<i64, Timestamp> = HashMap::new();
    let mut needed = HashSet::new();
    for pending in batch {
        let Some((report, resource)) = pending.report().zip(pending.resource()) else { continue };
        let (Some(at), Some(tracks)) = (pending.trusted_time(), tracks.get(&resource)) else { continue };
        if pending.content_digest.is_some_and(|digest| first_with_content.contains_key(&digest)) {
            continue;
        }
        for observation in report.observations(Some(at)) {
            let Some(track) = tracks.iter().find(|track| track.flow == *observation.flow) else { continue };
            // Without such a time the database contains no timed event of this track. It is not `seen_until`, which an API read can
            // move back.
            let Some(stored) = track.state.history_until else { continue };
            let seen = seen_until.entry(track.id).or_insert(stored);
            if at <= *seen {
                needed.insert((track.id, at.min(stored)));
            } else {
                *seen = at;
            }
        }
    }
    needed
}

#[cfg(test)]
pub(crate) fn test_account() -> Arc<Account> {
    let mage_id = "MAG000000001".parse().unwrap();
    Arc::new(Account { id: 1, environment: eqp_types::Environment::Sandbox, mage_id })
}
