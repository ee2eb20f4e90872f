//! What a rebuilt history changes about the one that is there: pure.
//!
//! An event that comes out the same keeps its number, for readers have it; one that does not is another event and gets
//! a new number, after all that were given, so that whoever follows the numbers is told.

use std::collections::HashMap;

use eqp_types::Flow;
use uuid::Uuid;

use super::batch::{Numbers, Track};
use super::changes::{CallbackOutcome, Changes, NewEvent};
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

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::project::batch::{Known, Pending};
    use crate::project::fold::fold;
    use crate::project::history::History;
    use crate::read::{Mark, Verdict};

    const NUMBERS: Numbers = Numbers { last_event_seq: 900, last_track_id: 90, last_ordinal: 9 };

    /// Three callbacks of two submissions, folded from nothing, and one that is nothing.
    fn folded() -> Changes {
        let body = |submission: &str, outcome: &str| {
            format!(
                r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{submission}",
                "item_id": "i", "eqp_flow": "technical", "current_status": "{outcome}"}}}}"#
            )
        };
        let bodies = [body("s1", "in_automation"), body("s2", "approved"), body("s1", "approved"), "[".to_owned()];
        let batch: Vec<Pending> = (1..)
            .zip(&bodies)
            .map(|(number, body)| Pending::new(Uuid::from_u128(number), 1, OffsetDateTime::UNIX_EPOCH, body.as_bytes()))
            .collect();
        let numbers = Numbers { last_event_seq: 0, last_track_id: 0, last_ordinal: 0 };
        fold(Known { numbers, tracks: HashMap::new(), history: History::default(), said: HashMap::new() }, &batch)
    }

    /// The same as the database would give it back, with numbers of its own.
    fn kept() -> Old {
        let changes = folded();
        let (track_of, seq_of) = (|id: i64| id + 70, |seq: i64| seq * 100);
        let track = |track: Track| Track {
            id: track_of(track.id),
            event_seq: seq_of(track.event_seq),
            changed: false,
            ..track
        };
        let event =
            |event: NewEvent| NewEvent { seq: seq_of(event.seq), track_id: event.track_id.map(track_of), ..event };
        let outcome = |outcome: CallbackOutcome| {
            (outcome.callback_id, CallbackOutcome { ordinal: 5 - outcome.ordinal, ..outcome })
        };
        Old {
            tracks: changes.tracks.into_iter().map(|(subject, one)| (subject, track(one))).collect(),
            events: changes.events.into_iter().map(event).collect(),
            outcomes: changes.outcomes.into_iter().map(outcome).collect(),
        }
    }

    #[test]
    fn what_comes_out_the_same_is_not_written_again() {
        let same = difference(kept(), folded(), NUMBERS);
        assert_eq!(same.kept_events, 4);
        assert_eq!((same.numbers.last_event_seq, same.numbers.last_track_id), (900, 90));
        assert!(same.new_events.is_empty() && same.gone_events.is_empty() && same.gone_tracks.is_empty());
        assert!(same.tracks.is_empty() && same.outcomes.is_empty(), "{same:?}");
    }

    #[test]
    fn only_what_differs_is_written_and_under_the_number_that_it_had() {
        let mut old = kept();
        let (subject, track) = old.tracks.iter_mut().find(|(subject, _)| subject.id == "s2").unwrap();
        track.state.outcome = "draft".to_owned();
        let (subject, id) = (subject.clone(), track.id);
        old.outcomes.get_mut(&Uuid::from_u128(3)).unwrap().verdict = Verdict::Copy;
        let changed = difference(old, folded(), NUMBERS);
        let tracks: Vec<_> = changed.tracks.iter().map(|(subject, track)| (subject, track.id)).collect();
        assert_eq!(tracks, [(&subject, id)]);
        assert_eq!(changed.tracks[0].1.state.outcome, "approved");
        let outcomes: Vec<_> = changed.outcomes.iter().map(|one| (one.callback_id.as_u128(), one.ordinal)).collect();
        assert_eq!(outcomes, [(3, 2)], "with its place in the order of projection");
        assert_eq!((changed.kept_events, changed.new_events.len()), (4, 0));
    }

    #[test]
    fn an_event_that_tells_something_else_gets_a_number_after_all_others() {
        let mut old = kept();
        old.events[1].mark = Mark::Late;
        let (gone, track) = (old.events[1].seq, old.events[1].track_id);
        let changed = difference(old, folded(), NUMBERS);
        assert_eq!((changed.kept_events, changed.gone_events), (3, vec![gone]));
        let new: Vec<_> = changed.new_events.iter().map(|event| (event.seq, event.track_id, event.mark)).collect();
        assert_eq!(new, [(901, track, Mark::None)]);
        assert_eq!(changed.numbers.last_event_seq, 901);
        let pointing: Vec<_> = changed.tracks.iter().map(|(_, track)| track.event_seq).collect();
        assert_eq!(pointing, [901], "its track follows it");
    }
}
