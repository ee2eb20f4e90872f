//! Applies the rule to a batch of reports, in memory: each becomes a duplicate or events, and updates its tracks.

mod deciding;

use std::collections::HashMap;

use uuid::Uuid;

use self::deciding::Deciding;
use super::batch::{Known, Pending};
use super::decode::Decoded;
use super::history::History;
use super::report::StatusReport;
use super::undecodable::guarded;
use crate::results::Tally;
use eqp_store::internal::{
    ApiReadDisposition, ArrivedCallback, ContentDigest, HistoryEntry, LastNumbers, MissingCallback, ProjectedApiRead,
    ProjectedCallback, ReportId, Resource, Track, Tracks,
};
use eqp_store::{CallbackDisposition, Disposition, Event, EventKind, Origin};

/// Everything that a batch changes in the database.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) numbers: LastNumbers,
    pub(crate) tracks: Vec<(Resource, Track)>,
    pub(crate) events: Vec<Event>,
    pub(crate) projected: Projected,
    /// Changes that API reads found without a callback.
    pub(crate) missing: Vec<MissingCallback>,
    /// Callbacks that reported a change which an API read had found before.
    pub(crate) arrived: Vec<ArrivedCallback>,
    /// Reports whose projection panicked, with the reason. They are undecodable.
    pub(crate) panicked: Vec<(ReportId, String)>,
}

/// The decision about each report of a batch.
#[derive(Debug, Default)]
pub(crate) struct Projected {
    pub(crate) callbacks: Vec<ProjectedCallback>,
    pub(crate) reads: Vec<ProjectedApiRead>,
}

/// The decision about one report.
enum ProjectedReport {
    Callback(ProjectedCallback),
    Read(ProjectedApiRead),
}

impl Projected {
    fn add(&mut self, report: ProjectedReport) {
        match report {
            ProjectedReport::Callback(callback) => self.callbacks.push(callback),
            ProjectedReport::Read(read) => self.reads.push(read),
        }
    }
}

impl Changes {
    /// Logs the reports whose projection panicked.
    pub(crate) fn log_panics(&self) {
        for (report, reason) in &self.panicked {
            tracing::error!(%report, reason, "projecting a report panicked, storing it as undecodable");
        }
    }

    /// Logs the decision about each callback, and the events that it became. One search for the ID of a callback finds its whole path.
    pub(crate) fn log_decisions(&self) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        for ProjectedCallback { callback_id, disposition, duplicate_of, .. } in &self.projected.callbacks {
            let duplicate_of = duplicate_of.map(tracing::field::display);
            tracing::debug!(%callback_id, %disposition, duplicate_of, "projected callback");
        }
        for event in &self.events {
            let callback_id = event.callback_id.map(tracing::field::display);
            let api_read_id = event.api_read_id.map(tracing::field::display);
            tracing::debug!(seq = event.seq, callback_id, api_read_id, "recorded event");
        }
    }

    /// Counts events and reports by their disposition.
    pub(crate) fn tally(&self) -> Tally {
        let count =
            |disposition| self.events.iter().filter(|event| event.disposition == Some(disposition)).count() as u64;
        let kind = |kind| self.events.iter().filter(|event| event.kind == kind).count() as u64;
        let is_duplicate = |one: &&ProjectedCallback| one.disposition == CallbackDisposition::Duplicate;
        let reads =
            |disposition| self.projected.reads.iter().filter(|one| one.disposition == disposition).count() as u64;
        let duplicates = self.projected.callbacks.iter().filter(is_duplicate).count() as u64;
        let (unknown, undecodable) = (kind(EventKind::Unknown), kind(EventKind::Undecodable));
        Tally {
            // Events without a track are counted separately.
            events: self.events.len() as u64 - unknown - undecodable,
            duplicates: duplicates + reads(ApiReadDisposition::Duplicate),
            late: count(Disposition::Late),
            ambiguous: count(Disposition::Ambiguous),
            corrected: count(Disposition::Corrected),
            discarded: reads(ApiReadDisposition::Discarded),
            unknown,
            undecodable,
            panicked: self.panicked.len() as u64,
        }
    }
}

/// Folds a batch, in its order. If the rule panics over a report, that report becomes undecodable.
pub(crate) fn fold(known: Known, batch: &[Pending]) -> Changes {
    let Known { numbers, tracks, history, first_with_content } = known;
    let mut fold = Fold {
        numbers,
        tracks,
        history,
        first_with_content,
        events: Vec::new(),
        projected: Projected::default(),
        missing: Vec::new(),
        arrived: Vec::new(),
        panicked: Vec::new(),
    };
    for pending in batch {
        match &pending.decoded {
            Decoded::Report(report) => fold.report(pending, report),
            Decoded::Unknown(code) => fold.without_track(pending, WithoutTrack::Unknown, code),
            Decoded::Undecodable(why) => fold.without_track(pending, WithoutTrack::Undecodable, why),
            Decoded::Panicked(why) => fold.panicked(pending, why),
        }
    }
    let changed = fold.tracks.into_iter().flat_map(|(resource, tracks)| {
        tracks.into_iter().filter(|track| track.changed).map(move |track| (resource.clone(), track))
    });
    Changes {
        numbers: fold.numbers,
        tracks: changed.collect(),
        events: fold.events,
        projected: fold.projected,
        missing: fold.missing,
        arrived: fold.arrived,
        panicked: fold.panicked,
    }
}

struct Fold {
    numbers: LastNumbers,
    tracks: Tracks,
    history: History,
    first_with_content: HashMap<ContentDigest, Uuid>,
    events: Vec<Event>,
    projected: Projected,
    missing: Vec<MissingCallback>,
    arrived: Vec<ArrivedCallback>,
    panicked: Vec<(ReportId, String)>,
}

/// The reason why a report has no track.
#[derive(Clone, Copy)]
enum WithoutTrack {
    Unknown,
    Undecodable,
}

impl Fold {
    fn without_track(&mut self, pending: &Pending, why: WithoutTrack, reason: &str) {
        let (kind, disposition) = match why {
            WithoutTrack::Unknown => (EventKind::Unknown, CallbackDisposition::Unknown),
            WithoutTrack::Undecodable => (EventKind::Undecodable, CallbackDisposition::Undecodable),
        };
        self.numbers.last_event_seq += 1;
        self.numbers.last_ordinal += 1;
        let mut event = new_event(self.numbers.last_event_seq, pending, kind);
        event.reason = Some(reason.to_owned());
        self.events.push(event);
        let ordinal = self.numbers.last_ordinal;
        self.projected.add(match pending.id {
            ReportId::Callback(callback_id) => ProjectedReport::Callback(ProjectedCallback {
                callback_id,
                resource: None,
                disposition,
                duplicate_of: None,
                content_digest: None,
                ordinal,
            }),
            ReportId::ApiRead(api_read_id) => ProjectedReport::Read(ProjectedApiRead {
                api_read_id,
                disposition: ApiReadDisposition::Undecodable,
                ordinal,
            }),
        });
    }

    fn panicked(&mut self, pending: &Pending, reason: &str) {
        self.without_track(pending, WithoutTrack::Undecodable, reason);
        self.panicked.push((pending.id, reason.to_owned()));
    }

    fn report(&mut self, pending: &Pending, report: &StatusReport) {
        let resource = Resource { account_id: pending.account.id, kind: report.kind, id: report.resource_id.clone() };
        // The batch is only changed after the whole report is decided, so that a panic leaves it consistent.
        match guarded(|| self.decided(pending, report, &resource)) {
            Ok(decided) => self.accept(resource, decided),
            Err(reason) => self.panicked(pending, &reason),
        }
    }

    /// Decides what one report changes, without changing anything yet.
    fn decided(&self, pending: &Pending, report: &StatusReport, resource: &Resource) -> Decided {
        #[cfg(debug_assertions)]
        super::undecodable::fault::point(super::undecodable::fault::Stage::Decide, resource.id.as_bytes());
        let mut numbers = self.numbers;
        numbers.last_ordinal += 1;
        let ordinal = numbers.last_ordinal;
        // A new resource has no tracks yet.
        let tracks = self.tracks.get(resource).cloned().unwrap_or_default();
        let mut deciding = Deciding::new(pending, report, &self.history, tracks, numbers);
        let projected = match pending.id {
            ReportId::Callback(callback_id) => {
                ProjectedReport::Callback(self.decide_callback(&mut deciding, callback_id, ordinal))
            }
            ReportId::ApiRead(api_read_id) => {
                let disposition = deciding.decide_read();
                ProjectedReport::Read(ProjectedApiRead { api_read_id, disposition, ordinal })
            }
        };
        let Deciding { numbers, tracks, events, past, missing, arrived, .. } = deciding;
        Decided { numbers, tracks, events, past, missing, arrived, projected }
    }

    fn decide_callback(&self, deciding: &mut Deciding<'_>, callback_id: Uuid, ordinal: i64) -> ProjectedCallback {
        let digest = deciding.pending.content_digest;
        let mut projected = ProjectedCallback {
            callback_id,
            resource: Some((deciding.report.kind, deciding.report.resource_id.clone())),
            disposition: CallbackDisposition::Duplicate,
            duplicate_of: None,
            content_digest: None,
            ordinal,
        };
        if let Some(first) = digest.and_then(|digest| self.first_with_content.get(&digest).copied()) {
            // Row 0 of the rule.
            projected.duplicate_of = Some(first);
        } else {
            projected.duplicate_of = deciding.observe_all().map(ReportId::uuid);
            if !deciding.events.is_empty() {
                projected.disposition = CallbackDisposition::Event;
                projected.duplicate_of = None;
            }
            projected.content_digest = digest;
        }
        deciding.record_item_id();
        deciding.record_receipt();
        projected
    }

    fn accept(&mut self, resource: Resource, decided: Decided) {
        let Decided { numbers, tracks, events, past, missing, arrived, projected } = decided;
        self.numbers = numbers;
        self.tracks.insert(resource, tracks);
        self.events.extend(events);
        self.missing.extend(missing);
        self.arrived.extend(arrived);
        for past in past {
            self.history.add(past);
        }
        if let ProjectedReport::Callback(callback) = &projected
            && let Some(digest) = callback.content_digest
        {
            // A duplicate points at the first callback with its content, not at another duplicate.
            self.first_with_content.insert(digest, callback.duplicate_of.unwrap_or(callback.callback_id));
        }
        self.projected.add(projected);
    }
}

/// The changes of one report.
struct Decided {
    numbers: LastNumbers,
    tracks: Vec<Track>,
    events: Vec<Event>,
    past: Vec<HistoryEntry>,
    missing: Vec<MissingCallback>,
    arrived: Vec<ArrivedCallback>,
    projected: ProjectedReport,
}

/// Creates an event of a report, without its resource.
fn new_event(seq: i64, pending: &Pending, kind: EventKind) -> Event {
    let origin = match &pending.read {
        None => Origin::Callback,
        Some(read) if read.baseline => Origin::Baseline,
        Some(_) => Origin::Reconcile,
    };
    Event::new(seq, &pending.account, kind, pending.received_at, (pending.id, origin))
}

#[cfg(test)]
mod tests;
