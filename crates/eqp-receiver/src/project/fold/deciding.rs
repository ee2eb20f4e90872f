//! Applies the rule to one report, on copies of its tracks.

use eqp_types::Timestamp;

use super::new_event;
use crate::project::batch::Pending;
use crate::project::decide::{Decision, Neighbours, Observation, Reading, decide, decide_read, settle, settle_read};
use crate::project::history::History;
use crate::project::missing::is_callback_missing;
use crate::project::report::StatusReport;
use eqp_store::Event;
use eqp_store::internal::{
    ApiReadDisposition, ArrivedCallback, HistoryEntry, LastNumbers, MissingCallback, ReportId, Track,
};

/// One report while the rule is applied to it, with copies of its tracks.
pub(super) struct Deciding<'a> {
    pub(super) pending: &'a Pending,
    pub(super) report: &'a StatusReport,
    history: &'a History,
    /// The reported time, if it can be trusted.
    time: Option<Timestamp>,
    pub(super) numbers: LastNumbers,
    pub(super) tracks: Vec<Track>,
    pub(super) events: Vec<Event>,
    pub(super) past: Vec<HistoryEntry>,
    pub(super) missing: Vec<MissingCallback>,
    pub(super) arrived: Vec<ArrivedCallback>,
}

/// The decision about one observation.
enum Observed {
    Event { applied: bool },
    Duplicate { of: Option<ReportId> },
}

/// Returns which of two reports that a callback repeats is named as its original: the one that the later observation repeats, because the
/// explicit observation comes last. Only a newer API read is preferred to it: that read found the change that the callback is about.
fn main_original(earlier: Option<ReportId>, later: Option<ReportId>) -> Option<ReportId> {
    match (earlier, later) {
        (Some(read @ ReportId::ApiRead(_)), Some(other)) if read.uuid() > other.uuid() => Some(read),
        (earlier, later) => later.or(earlier),
    }
}

impl<'a> Deciding<'a> {
    pub(super) fn new(
        pending: &'a Pending,
        report: &'a StatusReport,
        history: &'a History,
        tracks: Vec<Track>,
        numbers: LastNumbers,
    ) -> Self {
        Self {
            pending,
            report,
            history,
            time: pending.trusted_time(),
            numbers,
            tracks,
            events: Vec::new(),
            past: Vec::new(),
            missing: Vec::new(),
            arrived: Vec::new(),
        }
    }

    /// Decides about an API read as a whole. A read that another report has overtaken may be outdated, and changes nothing.
    pub(super) fn decide_read(&mut self) -> ApiReadDisposition {
        let began_at = self.pending.read.as_ref().map(|read| read.began_at);
        if self.tracks.iter().any(|track| Some(track.reported_at) > began_at) {
            return ApiReadDisposition::Discarded;
        }
        let _repeated = self.observe_all();
        self.record_item_id();
        self.record_receipt();
        if self.events.is_empty() { ApiReadDisposition::Duplicate } else { ApiReadDisposition::Event }
    }

    /// Applies the rule to all observations. Returns a report that one of them repeats.
    pub(super) fn observe_all(&mut self) -> Option<ReportId> {
        let report = self.report;
        let (mut others_changed, mut repeated) = (false, None);
        for observation in report.observations(self.time) {
            match self.observe(observation, others_changed) {
                Observed::Event { applied } => others_changed |= applied,
                Observed::Duplicate { of } => repeated = main_original(repeated, of),
            }
        }
        repeated
    }

    fn observe(&mut self, observation: Observation<'_>, others_changed: bool) -> Observed {
        let at = self.tracks.iter().position(|track| track.flow == *observation.flow);
        let track = at.and_then(|at| self.tracks.get_mut(at));
        let now = track.as_ref().map(|track| &track.state);

        let neighbours = match (&track, observation.modified_at) {
            (Some(track), Some(time)) => self.history.around(track.id, time, observation.status),
            _ => Neighbours::default(),
        };
        let (decision, state) = if self.pending.read.is_some() {
            let decision = decide_read(now, observation);
            let after_callback = matches!(track.as_ref().and_then(|track| track.report), Some(ReportId::Callback(_)));
            let reading = Reading { received_at: self.pending.received_at, after_callback };
            (decision, settle_read(now.cloned(), observation, decision, reading))
        } else {
            let decision = decide(now, observation, neighbours, others_changed);
            (decision, settle(now.cloned(), observation, decision))
        };
        let is_missing = self.pending.read.as_ref().is_some_and(|read| !read.baseline)
            && is_callback_missing(observation.flow, observation.status, track.as_deref(), neighbours.exact);

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
                report: Some(self.pending.id),
                reported_at: self.pending.received_at,
                event_seq: 0,
                changed: true,
            });
            self.tracks.last_mut().expect("a track was just added")
        };

        let Decision::Event { disposition, applied } = decision else {
            let of = if track.state.status == observation.status {
                track.report
            } else {
                let time = observation.modified_at;
                time.and_then(|time| self.history.reported_by(track.id, time, observation.status))
            };
            if let (ReportId::Callback(callback_id), Some(ReportId::ApiRead(api_read_id))) = (self.pending.id, of) {
                let (flow, arrived_at) = (observation.flow.clone(), self.pending.received_at);
                self.arrived.push(ArrivedCallback { api_read_id, flow, callback_id, arrived_at });
            }
            return Observed::Duplicate { of };
        };
        self.numbers.last_event_seq += 1;
        let seq = self.numbers.last_event_seq;
        if applied {
            track.received_at = self.pending.received_at;
            track.report = Some(self.pending.id);
            track.event_seq = seq;
        }
        if let Some(modified_at) = observation.modified_at {
            self.past.push(HistoryEntry {
                track_id: track.id,
                modified_at,
                seq,
                status: observation.status.to_owned(),
                report: Some(self.pending.id),
            });
        }
        if let (true, ReportId::ApiRead(api_read_id)) = (is_missing, self.pending.id) {
            self.missing.push(MissingCallback {
                api_read_id,
                flow: observation.flow.clone(),
                account_id: self.pending.account.id,
                found_at: self.pending.received_at,
            });
        }
        let mut event = new_event(seq, self.pending, self.report.kind.into());
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

    /// Sets the `item_id` of the report on all tracks of the submission.
    pub(super) fn record_item_id(&mut self) {
        let Some(item_id) = self.report.item_id.as_ref().map(eqp_types::ItemId::as_str) else { return };
        for track in self.tracks.iter_mut().filter(|track| track.item_id.as_deref() != Some(item_id)) {
            track.item_id = Some(item_id.to_owned());
            track.changed = true;
        }
    }

    /// Records when the report was received, on the track that it is about. Only there, so that a duplicate changes one row.
    pub(super) fn record_receipt(&mut self) {
        let flow = self.report.main_flow();
        let at = self.tracks.iter().position(|track| Some(&track.flow) == flow).unwrap_or(0);
        if let Some(track) = self.tracks.get_mut(at).filter(|track| track.reported_at < self.pending.received_at) {
            track.reported_at = self.pending.received_at;
            track.changed = true;
        }
    }
}
