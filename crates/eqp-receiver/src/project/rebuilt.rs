//! What a rebuilt history changes about the one that is there: pure.
//!
//! An event that comes out the same keeps its number, for readers have it; one that does not is another event and gets
//! a new number, after all that were given, so that whoever follows the numbers is told.

use std::collections::HashMap;

use eqp_types::Flow;
use uuid::Uuid;

use super::batch::{CallbackOutcome, Changes, NewEvent, Numbers, Track};
use super::notice::Subject;

/// What there is.
#[derive(Debug)]
pub(super) struct Old {
    pub(super) tracks: Vec<(Subject, Track)>,
    pub(super) events: Vec<NewEvent>,
    pub(super) outcomes: HashMap<Uuid, CallbackOutcome>,
}

/// What to write.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) numbers: Numbers,
    pub(super) kept_events: usize,
    pub(super) gone_events: Vec<i64>,
    pub(super) new_events: Vec<NewEvent>,
    pub(super) gone_tracks: Vec<i64>,
    pub(super) tracks: Vec<(Subject, Track)>,
    pub(super) outcomes: Vec<CallbackOutcome>,
}

/// Compares what was folded from nothing with what there is. `numbers` are the last that were given.
pub(super) fn difference(mut old: Old, rebuilt: Changes, numbers: Numbers) -> Difference {
    let mut numbers = numbers;
    let mut old_tracks: HashMap<(Subject, Flow), Track> =
        old.tracks.drain(..).map(|(subject, track)| ((subject, track.flow.clone()), track)).collect();
    // A callback tells at most one event of each flow.
    let mut old_events: HashMap<(Uuid, Option<Flow>), NewEvent> =
        old.events.drain(..).map(|event| ((event.callback_id, event.flow.clone()), event)).collect();

    let mut track_ids = HashMap::new();
    let mut tracks = Vec::new();
    for (subject, track) in rebuilt.tracks {
        let before = old_tracks.remove(&(subject.clone(), track.flow.clone()));
        let id = before.as_ref().map_or_else(
            || {
                numbers.last_track_id += 1;
                numbers.last_track_id
            },
            |before| before.id,
        );
        track_ids.insert(track.id, id);
        tracks.push((subject, Track { id, ..track }, before));
    }

    let mut seqs = HashMap::new();
    let mut new_events = Vec::new();
    let mut gone_events = Vec::new();
    let mut kept_events = 0;
    for event in rebuilt.events {
        let provisional = event.seq;
        let event = NewEvent { track_id: event.track_id.and_then(|id| track_ids.get(&id).copied()), ..event };
        match old_events.remove(&(event.callback_id, event.flow.clone())) {
            Some(before) if is_same(&before, &event) => {
                kept_events += 1;
                seqs.insert(provisional, before.seq);
            }
            before => {
                gone_events.extend(before.map(|before| before.seq));
                numbers.last_event_seq += 1;
                seqs.insert(provisional, numbers.last_event_seq);
                new_events.push(NewEvent { seq: numbers.last_event_seq, ..event });
            }
        }
    }
    gone_events.extend(old_events.into_values().map(|event| event.seq));

    let tracks = tracks.into_iter().filter_map(|(subject, track, before)| {
        let event_seq = seqs.get(&track.event_seq).copied().unwrap_or(track.event_seq);
        let track = Track { event_seq, ..track };
        let is_same = before.is_some_and(|before| Track { changed: track.changed, ..before } == track);
        (!is_same).then_some((subject, track))
    });
    let outcomes = rebuilt.outcomes.into_iter().filter_map(|outcome| {
        let before = old.outcomes.get(&outcome.callback_id);
        // The order of projection stays what it was.
        let ordinal = before.map_or(outcome.ordinal, |before| before.ordinal);
        let outcome = CallbackOutcome { ordinal, ..outcome };
        (before != Some(&outcome)).then_some(outcome)
    });
    Difference {
        tracks: tracks.collect(),
        outcomes: outcomes.collect(),
        numbers,
        kept_events,
        gone_events,
        new_events,
        gone_tracks: old_tracks.into_values().map(|track| track.id).collect(),
    }
}

/// Whether two events tell the same, whatever their numbers are.
fn is_same(before: &NewEvent, event: &NewEvent) -> bool {
    NewEvent { seq: event.seq, ..before.clone() } == *event
}
