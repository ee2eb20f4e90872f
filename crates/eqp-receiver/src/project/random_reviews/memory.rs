//! A database in memory, and callbacks projected into it.

use std::collections::HashMap;

use eqp_types::{Flow, Timestamp};
use fastrand::Rng;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::project::batch::{Known, Numbers, Pending, Track, Tracks, history_needed};
use crate::project::changes::{CallbackOutcome, NewEvent};
use crate::project::fold::fold;
use crate::project::history::{History, Past};
use crate::project::notice::{Said, Subject};

/// After every time of a review.
const RECEIVED_AT: OffsetDateTime = time::macros::datetime!(2030-01-01 00:00:00 UTC);

/// A database in memory, which answers exactly what the statements of `store` answer.
pub(super) struct Memory {
    numbers: Numbers,
    tracks: Tracks,
    pub(super) events: Vec<NewEvent>,
    pub(super) outcomes: Vec<CallbackOutcome>,
    said: HashMap<Said, Uuid>,
    next_id: u128,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            numbers: Numbers { last_event_seq: 0, last_track_id: 0, last_ordinal: 0 },
            tracks: Tracks::new(),
            events: Vec::new(),
            outcomes: Vec::new(),
            said: HashMap::new(),
            next_id: 1,
        }
    }

    pub(super) fn project(&mut self, bodies: &[String]) {
        let batch: Vec<Pending> = bodies
            .iter()
            .map(|body| {
                self.next_id += 1;
                Pending::new(Uuid::from_u128(self.next_id), 1, RECEIVED_AT, body.as_bytes())
            })
            .collect();
        let history = self.history(history_needed(&self.tracks, &self.said, &batch).into_iter());
        let known = Known { numbers: self.numbers, tracks: self.tracks.clone(), history, said: self.said.clone() };
        let changes = fold(known, &batch);
        self.numbers = changes.numbers;
        for (subject, track) in changes.tracks {
            let tracks = self.tracks.entry(subject).or_default();
            tracks.retain(|old| old.id != track.id);
            tracks.push(Track { changed: false, ..track });
        }
        for outcome in &changes.outcomes {
            if let Some(said) = outcome.said {
                let first = outcome.copy_of.unwrap_or(outcome.callback_id);
                assert!(self.said.insert(said, first).is_none(), "the unique key on what was said");
            }
        }
        for event in changes.events {
            let twice = |old: &&NewEvent| {
                old.modified_at.is_some()
                    && !old.clock_doubtful
                    && !event.clock_doubtful
                    && (old.track_id, old.modified_at, &old.outcome)
                        == (event.track_id, event.modified_at, &event.outcome)
            };
            assert!(!self.events.iter().any(|old| twice(&old)), "the unique key of events");
            self.events.push(event);
        }
        self.outcomes.extend(changes.outcomes);
    }

    fn history(&self, wanted: impl Iterator<Item = (i64, Timestamp)>) -> History {
        let mut history = History::default();
        for (track_id, at) in wanted {
            let mut past: Vec<Past> = self
                .events
                .iter()
                .filter(|event| event.track_id == Some(track_id) && !event.clock_doubtful)
                .filter_map(|event| {
                    Some(Past {
                        track_id,
                        modified_at: event.modified_at?,
                        seq: event.seq,
                        outcome: event.outcome.clone()?,
                        callback_id: Some(event.callback_id),
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

    pub(super) fn tracks(&self) -> impl Iterator<Item = (&Subject, &Track)> {
        self.tracks.iter().flat_map(|(subject, tracks)| tracks.iter().map(move |track| (subject, track)))
    }

    pub(super) fn track(&self, flow: &Flow) -> Option<&Track> {
        self.tracks.values().flatten().find(|track| track.flow == *flow)
    }

    /// Outcomes of a flow as its history tells them: by time, repetitions left out.
    pub(super) fn told(&self, flow: &Flow) -> Vec<String> {
        let mut events: Vec<_> = self.events.iter().filter(|event| event.flow.as_ref() == Some(flow)).collect();
        events.sort_by_key(|event| (event.modified_at, event.seq));
        let mut told: Vec<String> = events.into_iter().filter_map(|event| event.outcome.clone()).collect();
        told.dedup();
        told
    }
}

/// Projects in pieces of chance size.
pub(super) fn project(chance: &mut Rng, memory: &mut Memory, mut bodies: &[String]) {
    while !bodies.is_empty() {
        let (batch, rest) = bodies.split_at(1 + chance.usize(..bodies.len()));
        memory.project(batch);
        bodies = rest;
    }
}
