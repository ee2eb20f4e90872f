//! Applies the rule to a batch of callbacks, in memory: each callback becomes a duplicate or events, and updates its tracks.

use std::collections::HashMap;

use eqp_types::Timestamp;
use uuid::Uuid;

use super::batch::{Known, Pending};
use super::decide::{Decision, Neighbours, Observation, decide, settle};
use super::decode::Decoded;
use super::history::History;
use super::report::StatusReport;
use super::undecodable::guarded;
use crate::results::Tally;
use eqp_store::internal::{ContentDigest, HistoryEntry, LastNumbers, ProjectedCallback, Resource, Track, Tracks};
use eqp_store::{CallbackDisposition, Disposition, Event, EventKind};

/// Everything that a batch changes in the database.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) numbers: LastNumbers,
    pub(crate) tracks: Vec<(Resource, Track)>,
    pub(crate) events: Vec<Event>,
    pub(crate) projected: Vec<ProjectedCallback>,
    /// Callbacks whose projection panicked, with the reason. They are undecodable.
    pub(crate) panicked: Vec<(Uuid, String)>,
}

impl Changes {
    /// Logs the callbacks whose projection panicked.
    pub(crate) fn log_panics(&self) {
        for (callback, reason) in &self.panicked {
            tracing::error!(%callback, reason, "projecting a callback panicked, storing it as undecodable");
        }
    }

    /// Counts events and callbacks by their disposition.
    pub(crate) fn tally(&self) -> Tally {
        let events =
            |disposition| self.events.iter().filter(|event| event.disposition == Some(disposition)).count() as u64;
        let callbacks = |disposition| self.projected.iter().filter(|one| one.disposition == disposition).count() as u64;
        let (unknown, undecodable) =
            (callbacks(CallbackDisposition::Unknown), callbacks(CallbackDisposition::Undecodable));
        Tally {
            // Events without a track are counted separately.
            events: self.events.len() as u64 - unknown - undecodable,
            duplicates: callbacks(CallbackDisposition::Duplicate),
            late: events(Disposition::Late),
            ambiguous: events(Disposition::Ambiguous),
            unknown,
            undecodable,
            panicked: self.panicked.len() as u64,
        }
    }
}

/// Folds a batch, in its order. If the rule panics over a callback, that callback becomes undecodable.
pub(crate) fn fold(known: Known, batch: &[Pending]) -> Changes {
    let Known { numbers, tracks, history, first_with_content } = known;
    let mut fold = Fold {
        numbers,
        tracks,
        history,
        first_with_content,
        events: Vec::new(),
        projected: Vec::with_capacity(batch.len()),
        panicked: Vec::new(),
    };
    for pending in batch {
        match &pending.decoded {
            Decoded::Report(report) => fold.report(pending, report),
            Decoded::Unknown(code) => {
                fold.without_track(pending, EventKind::Unknown, CallbackDisposition::Unknown, code);
            }
            Decoded::Undecodable(why) => {
                fold.without_track(pending, EventKind::Undecodable, CallbackDisposition::Undecodable, why);
            }
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
        panicked: fold.panicked,
    }
}

struct Fold {
    numbers: LastNumbers,
    tracks: Tracks,
    history: History,
    first_with_content: HashMap<ContentDigest, Uuid>,
    events: Vec<Event>,
    projected: Vec<ProjectedCallback>,
    panicked: Vec<(Uuid, String)>,
}

impl Fold {
    fn without_track(&mut self, pending: &Pending, kind: EventKind, disposition: CallbackDisposition, reason: &str) {
        self.numbers.last_event_seq += 1;
        let mut event =
            Event::new(self.numbers.last_event_seq, &pending.account, kind, pending.received_at, pending.id);
        event.reason = Some(reason.to_owned());
        self.events.push(event);
        self.numbers.last_ordinal += 1;
        self.projected.push(ProjectedCallback {
            callback_id: pending.id,
            resource: None,
            disposition,
            duplicate_of: None,
            content_digest: None,
            ordinal: self.numbers.last_ordinal,
        });
    }

    fn panicked(&mut self, pending: &Pending, reason: &str) {
        self.without_track(pending, EventKind::Undecodable, CallbackDisposition::Undecodable, reason);
        self.panicked.push((pending.id, reason.to_owned()));
    }

    fn report(&mut self, pending: &Pending, report: &StatusReport) {
        let resource = Resource { account_id: pending.account.id, kind: report.kind, id: report.resource_id.clone() };
        // The batch is only changed after the whole callback is decided, so that a panic leaves it consistent.
        match guarded(|| self.decided(pending, report, &resource)) {
            Ok(decided) => self.accept(resource, decided),
            Err(reason) => self.panicked(pending, &reason),
        }
    }

    /// Decides what one callback changes, without changing anything yet.
    fn decided(&self, pending: &Pending, report: &StatusReport, resource: &Resource) -> Decided {
        #[cfg(debug_assertions)]
        super::undecodable::fault::point(super::undecodable::fault::Stage::Decide, resource.id.as_bytes());
        let mut numbers = self.numbers;
        numbers.last_ordinal += 1;
        let mut projected = ProjectedCallback {
            callback_id: pending.id,
            resource: Some((report.kind, report.resource_id.clone())),
            disposition: CallbackDisposition::Duplicate,
            duplicate_of: None,
            content_digest: None,
            ordinal: numbers.last_ordinal,
        };
        // A new resource has no tracks yet.
        let tracks = self.tracks.get(resource).cloned().unwrap_or_default();
        let first_with_content =
            pending.content_digest.and_then(|digest| self.first_with_content.get(&digest).copied());
        let mut deciding = Deciding {
            history: &self.history,
            pending,
            report,
            time: pending.trusted_time(),
            numbers,
            tracks,
            events: Vec::new(),
            past: Vec::new(),
        };
        if first_with_content.is_some() {
            // Row 0 of the rule.
            projected.duplicate_of = first_with_content;
        } else {
            let mut others_changed = false;
            for observation in report.observations(deciding.time) {
                match deciding.observe(observation, others_changed) {
                    Observed::Event { applied } => others_changed |= applied,
                    Observed::Duplicate { of } => projected.duplicate_of = of.or(projected.duplicate_of),
                }
            }
            if !deciding.events.is_empty() {
                projected.disposition = CallbackDisposition::Event;
                projected.duplicate_of = None;
            }
            projected.content_digest = pending.content_digest;
        }
        deciding.record_item_id();
        let Deciding { numbers, tracks, events, past, .. } = deciding;
        Decided { numbers, tracks, events, past, projected }
    }

    fn accept(&mut self, resource: Resource, decided: Decided) {
        let Decided { numbers, tracks, events, past, projected } = decided;
        self.numbers = numbers;
        self.tracks.insert(resource, tracks);
        self.events.extend(events);
        for past in past {
            self.history.add(past);
        }
        if let Some(digest) = projected.content_digest {
            // A duplicate points at the first callback with its content, not at another duplicate.
            self.first_with_content.insert(digest, projected.duplicate_of.unwrap_or(projected.callback_id));
        }
        self.projected.push(projected);
    }
}

/// The changes of one callback.
struct Decided {
    numbers: LastNumbers,
    tracks: Vec<Track>,
    events: Vec<Event>,
    past: Vec<HistoryEntry>,
    projected: ProjectedCallback,
}

/// One callback while the rule is applied to it, with copies of its tracks.
struct Deciding<'a> {
    history: &'a History,
    pending: &'a Pending,
    report: &'a StatusReport,
    /// The reported time, if it can be trusted.
    time: Option<Timestamp>,
    numbers: LastNumbers,
    tracks: Vec<Track>,
    events: Vec<Event>,
    past: Vec<HistoryEntry>,
}

impl Deciding<'_> {
    fn observe(&mut self, observation: Observation<'_>, others_changed: bool) -> Observed {
        let at = self.tracks.iter().position(|track| track.flow == *observation.flow);
        let track = at.and_then(|at| self.tracks.get_mut(at));

        let neighbours = match (&track, observation.modified_at) {
            (Some(track), Some(time)) => self.history.around(track.id, time, observation.status),
            _ => Neighbours::default(),
        };
        let decision = decide(track.as_ref().map(|track| &track.state), observation, neighbours, others_changed);
        let state = settle(track.as_ref().map(|track| track.state.clone()), observation, decision);

        let track = if let Some(track) = track {
            track.changed |= track.state != state;
            track.state = state;
            track
        } else {
            self.numbers.last_track_id += 1;
            self.tracks.push(Track {
                id: self.numbers.last_track_id,
                flow: observation.flow.clone(),
                // All tracks of a submission have the newest item ID.
                item_id: self.tracks.iter().find_map(|track| track.item_id.clone()),
                state,
                received_at: self.pending.received_at,
                callback_id: Some(self.pending.id),
                event_seq: 0,
                changed: true,
            });
            self.tracks.last_mut().expect("a track was just added")
        };

        let (disposition, applied) = match decision {
            Decision::Event { disposition, applied } => (disposition, applied),
            Decision::Duplicate | Decision::AmbiguousDuplicate if track.state.status == observation.status => {
                return Observed::Duplicate { of: track.callback_id };
            }
            Decision::Duplicate | Decision::AmbiguousDuplicate => {
                let time = observation.modified_at;
                let of = time.and_then(|time| self.history.reported_by(track.id, time, observation.status));
                return Observed::Duplicate { of };
            }
        };
        self.numbers.last_event_seq += 1;
        let seq = self.numbers.last_event_seq;
        if applied {
            track.received_at = self.pending.received_at;
            track.callback_id = Some(self.pending.id);
            track.event_seq = seq;
        }
        if let Some(modified_at) = observation.modified_at {
            self.past.push(HistoryEntry {
                track_id: track.id,
                modified_at,
                seq,
                status: observation.status.to_owned(),
                callback_id: Some(self.pending.id),
            });
        }
        let mut event =
            Event::new(seq, &self.pending.account, self.report.kind.into(), self.pending.received_at, self.pending.id);
        event.track_id = Some(track.id);
        event.resource_id = Some(self.report.resource_id.clone());
        event.flow = Some(observation.flow.clone());
        event.status = Some(observation.status.to_owned());
        event.modified_at = self.report.modified_at;
        event.clock_doubtful = self.time != self.report.modified_at;
        event.explicit = observation.explicit;
        event.disposition = Some(disposition);
        event.applied = applied;
        self.events.push(event);
        Observed::Event { applied }
    }

    /// Sets the `item_id` of the callback on all tracks of the submission.
    fn record_item_id(&mut self) {
        let Some(item_id) = self.report.item_id.as_ref().map(eqp_types::ItemId::as_str) else { return };
        for track in self.tracks.iter_mut().filter(|track| track.item_id.as_deref() != Some(item_id)) {
            track.item_id = Some(item_id.to_owned());
            track.changed = true;
        }
    }
}

/// The decision about one observation.
enum Observed {
    Event { applied: bool },
    Duplicate { of: Option<Uuid> },
}

#[cfg(test)]
mod tests;
