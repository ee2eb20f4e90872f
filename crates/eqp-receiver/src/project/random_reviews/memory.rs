//! An in-memory database, into which callbacks and API reads are projected.

use eqp_store::internal::{
    ContentDigest, HistoryEntry, LastNumbers, PendingReport, ProjectedApiRead, ProjectedCallback, ReadContext,
    Resource, Track, Tracks,
};
use eqp_store::{Disposition, Event};
use std::collections::HashMap;

use eqp_types::{Flow, Timestamp};
use fastrand::Rng;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::project::batch::{Known, Pending, history_needed, test_account};
use crate::project::fold::fold;
use crate::project::history::History;

/// Later than every time of a review.
pub(super) const RECEIVED_AT: OffsetDateTime = time::macros::datetime!(2030-01-01 00:00:00 UTC);

/// An in-memory database that returns what the queries of `eqp-store` return.
pub(super) struct Memory {
    numbers: LastNumbers,
    tracks: Tracks,
    pub(super) events: Vec<Event>,
    pub(super) projected: Vec<ProjectedCallback>,
    pub(super) reads: Vec<ProjectedApiRead>,
    first_with_content: HashMap<ContentDigest, Uuid>,
    next_id: u128,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            numbers: LastNumbers { last_event_seq: 0, last_track_id: 0, last_ordinal: 0 },
            tracks: Tracks::new(),
            events: Vec::new(),
            projected: Vec::new(),
            reads: Vec::new(),
            first_with_content: HashMap::new(),
            next_id: 1,
        }
    }

    /// Creates a callback, or an API read if there is a context, with the next ID.
    pub(super) fn report(
        &mut self,
        received_at: OffsetDateTime,
        body: &str,
        read: Option<ReadContext>,
    ) -> PendingReport {
        self.next_id += 1;
        let (id, body) = (Uuid::from_u128(self.next_id), body.as_bytes().to_vec());
        PendingReport { id, account: test_account(), received_at, body, read }
    }

    /// Projects callbacks.
    pub(super) fn project(&mut self, bodies: &[String]) {
        let reports: Vec<_> = bodies.iter().map(|body| self.report(RECEIVED_AT, body, None)).collect();
        self.project_reports(&reports);
    }

    pub(super) fn project_reports(&mut self, reports: &[PendingReport]) {
        let batch = Pending::all(reports);
        let history = self.history(history_needed(&self.tracks, &self.first_with_content, &batch).into_iter());
        let known = Known {
            numbers: self.numbers,
            tracks: self.tracks.clone(),
            history,
            first_with_content: self.first_with_content.clone(),
        };
        let changes = fold(known, &batch);
        self.numbers = changes.numbers;
        for (resource, track) in changes.tracks {
            let tracks = self.tracks.entry(resource).or_default();
            tracks.retain(|old| old.id != track.id);
            tracks.push(Track { changed: false, ..track });
        }
        for one in &changes.projected.callbacks {
            if let Some(digest) = one.content_digest {
                let first = one.duplicate_of.unwrap_or(one.callback_id);
                assert!(self.first_with_content.insert(digest, first).is_none(), "the unique key on the content");
            }
        }
        for event in changes.events {
            let twice = |old: &&Event| {
                // Corrections are exempt from the unique key.
                old.modified_at.is_some()
                    && ![old.disposition, event.disposition].contains(&Some(Disposition::Corrected))
                    && !old.clock_doubtful
                    && !event.clock_doubtful
                    && (old.track_id, old.modified_at, &old.status)
                        == (event.track_id, event.modified_at, &event.status)
            };
            assert!(!self.events.iter().any(|old| twice(&old)), "the unique key of events");
            self.events.push(event);
        }
        self.projected.extend(changes.projected.callbacks);
        self.reads.extend(changes.projected.reads);
    }

    fn history(&self, wanted: impl Iterator<Item = (i64, Timestamp)>) -> History {
        let mut history = History::default();
        for (track_id, at) in wanted {
            let mut past: Vec<HistoryEntry> = self
                .events
                .iter()
                .filter(|event| event.track_id == Some(track_id) && !event.clock_doubtful)
                .filter_map(|event| {
                    Some(HistoryEntry {
                        track_id,
                        modified_at: event.modified_at?,
                        seq: event.seq,
                        status: event.status.clone()?,
                        report: event.report(),
                    })
                })
                .collect();
            past.sort_by_key(|past| (past.modified_at, past.seq));
            let before = past.iter().rfind(|past| past.modified_at < at);
            let after = past.iter().find(|past| past.modified_at > at);
            let same = past.iter().filter(|past| past.modified_at == at);
            same.chain(before).chain(after).cloned().for_each(|past| history.add(past));
        }
        history
    }

    pub(super) fn tracks(&self) -> impl Iterator<Item = (&Resource, &Track)> {
        self.tracks.iter().flat_map(|(resource, tracks)| tracks.iter().map(move |track| (resource, track)))
    }

    pub(super) fn track(&self, flow: &Flow) -> Option<&Track> {
        self.tracks.values().flatten().find(|track| track.flow == *flow)
    }

    /// Returns the statuses in the history of a flow, ordered by time, without repetitions.
    pub(super) fn reported(&self, flow: &Flow) -> Vec<String> {
        let mut events: Vec<_> = self.events.iter().filter(|event| event.flow.as_ref() == Some(flow)).collect();
        events.sort_by_key(|event| (event.modified_at, event.seq));
        let mut reported: Vec<String> = events.into_iter().filter_map(|event| event.status.clone()).collect();
        reported.dedup();
        reported
    }
}

/// Projects callbacks in batches of random size.
pub(super) fn project(rng: &mut Rng, memory: &mut Memory, bodies: &[String]) {
    let reports: Vec<_> = bodies.iter().map(|body| memory.report(RECEIVED_AT, body, None)).collect();
    project_reports(rng, memory, &reports);
}

/// Projects reports in batches of random size.
pub(super) fn project_reports(rng: &mut Rng, memory: &mut Memory, mut reports: &[PendingReport]) {
    while !reports.is_empty() {
        let (batch, rest) = reports.split_at(1 + rng.usize(..reports.len()));
        memory.project_reports(batch);
        reports = rest;
    }
}
