//! Compares a rebuilt history with the stored one. No I/O.
//!
//! An event that is the same keeps its number, because readers may have stored it. An event that differs is a new event and
//! gets a number after all existing ones, so that readers that follow the numbers see it.

use std::collections::HashMap;

use eqp_types::Flow;
use uuid::Uuid;

use super::fold::{Changes, Projected};
use eqp_store::Event;
use eqp_store::internal::{
    ArrivedCallback, LastNumbers, MissingCallback, ProjectedApiRead, ProjectedCallback, ReportId, Resource, Track,
};

/// The stored history of some resources.
#[derive(Debug)]
pub(super) struct Old {
    pub(super) tracks: Vec<(Resource, Track)>,
    pub(super) events: Vec<Event>,
    pub(super) callbacks: HashMap<Uuid, ProjectedCallback>,
    pub(super) reads: HashMap<Uuid, ProjectedApiRead>,
}

/// The changes to write.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) numbers: LastNumbers,
    pub(super) kept_events: usize,
    pub(super) gone_events: Vec<i64>,
    pub(super) new_events: Vec<Event>,
    pub(super) gone_tracks: Vec<i64>,
    pub(super) tracks: Vec<(Resource, Track)>,
    pub(super) projected: Projected,
    /// Changes that API reads found without a callback. Those that are stored already are not changed.
    pub(super) missing: Vec<MissingCallback>,
    pub(super) arrived: Vec<ArrivedCallback>,
    /// API reads and flows that no longer have an event.
    pub(super) gone_missing: Vec<(Uuid, Flow)>,
}

/// Compares the history that was rebuilt from nothing with the stored one. `numbers` are the last numbers in use.
pub(super) fn difference(mut old: Old, rebuilt: Changes, numbers: LastNumbers) -> Difference {
    let mut numbers = numbers;
    let mut old_tracks: HashMap<(Resource, Flow), Track> =
        old.tracks.drain(..).map(|(resource, track)| ((resource, track.flow.clone()), track)).collect();
    // A report causes at most one event per flow.
    let mut old_events: HashMap<(Option<ReportId>, Option<Flow>), Event> =
        old.events.drain(..).map(|event| ((event.report(), event.flow.clone()), event)).collect();

    let mut track_ids = HashMap::new();
    let mut tracks = Vec::new();
    for (resource, track) in rebuilt.tracks {
        let before = old_tracks.remove(&(resource.clone(), track.flow.clone()));
        let id = before.as_ref().map_or_else(
            || {
                numbers.last_track_id += 1;
                numbers.last_track_id
            },
            |before| before.id,
        );
        track_ids.insert(track.id, id);
        tracks.push((resource, Track { id, ..track }, before));
    }

    let mut seqs = HashMap::new();
    let mut new_events = Vec::new();
    let mut gone_events = Vec::new();
    let mut kept_events = 0;
    for mut event in rebuilt.events {
        let provisional = event.seq;
        event.track_id = event.track_id.and_then(|id| track_ids.get(&id).copied());
        match old_events.remove(&(event.report(), event.flow.clone())) {
            Some(before) if is_same(&before, &event) => {
                kept_events += 1;
                seqs.insert(provisional, before.seq);
            }
            before => {
                gone_events.extend(before.map(|before| before.seq));
                numbers.last_event_seq += 1;
                seqs.insert(provisional, numbers.last_event_seq);
                event.seq = numbers.last_event_seq;
                new_events.push(event);
            }
        }
    }
    let gone_missing =
        old_events.values().filter_map(|event| Some((event.api_read_id?, event.flow.clone()?))).collect();
    gone_events.extend(old_events.into_values().map(|event| event.seq));

    let tracks = tracks.into_iter().filter_map(|(resource, track, before)| {
        let event_seq = seqs.get(&track.event_seq).copied().unwrap_or(track.event_seq);
        let track = Track { event_seq, ..track };
        let is_same = before.is_some_and(|before| Track { changed: track.changed, ..before } == track);
        (!is_same).then_some((resource, track))
    });
    // The order of projection does not change.
    let callbacks = rebuilt.projected.callbacks.into_iter().filter_map(|projected| {
        let before = old.callbacks.get(&projected.callback_id);
        let ordinal = before.map_or(projected.ordinal, |before| before.ordinal);
        let projected = ProjectedCallback { ordinal, ..projected };
        (before != Some(&projected)).then_some(projected)
    });
    let reads = rebuilt.projected.reads.into_iter().filter_map(|projected| {
        let before = old.reads.get(&projected.api_read_id);
        let ordinal = before.map_or(projected.ordinal, |before| before.ordinal);
        let projected = ProjectedApiRead { ordinal, ..projected };
        (before != Some(&projected)).then_some(projected)
    });
    Difference {
        tracks: tracks.collect(),
        projected: Projected { callbacks: callbacks.collect(), reads: reads.collect() },
        missing: rebuilt.missing,
        arrived: rebuilt.arrived,
        gone_missing,
        numbers,
        kept_events,
        gone_events,
        new_events,
        gone_tracks: old_tracks.into_values().map(|track| track.id).collect(),
    }
}

/// Returns whether two events are the same apart from their numbers. The `item_id` is ignored, because it belongs to the track, and
/// so is the text of a reason: a newer version may word it differently.
fn is_same(before: &Event, event: &Event) -> bool {
    let mut before = before.clone();
    before.seq = event.seq;
    before.item_id.clone_from(&event.item_id);
    if before.reason.is_some() && event.reason.is_some() {
        before.reason.clone_from(&event.reason);
    }
    before == *event
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::project::batch::{Known, Pending, test_account};
    use crate::project::fold::fold;
    use crate::project::history::History;
    use eqp_store::internal::PendingReport;
    use eqp_store::{CallbackDisposition, Disposition};

    const NUMBERS: LastNumbers = LastNumbers { last_event_seq: 900, last_track_id: 90, last_ordinal: 9 };

    /// Returns the result of folding three callbacks about two submissions and an undecodable one.
    fn folded() -> Changes {
        let body = |submission: &str, status: &str| {
            format!(
                r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{submission}",
                "item_id": "i", "eqp_flow": "technical", "current_status": "{status}"}}}}"#
            )
        };
        let bodies = [body("s1", "in_automation"), body("s2", "approved"), body("s1", "approved"), "[".to_owned()];
        let batch: Vec<Pending> = (1..)
            .zip(&bodies)
            .map(|(number, body)| {
                Pending::new(&PendingReport {
                    id: Uuid::from_u128(number),
                    account: test_account(),
                    received_at: OffsetDateTime::UNIX_EPOCH,
                    body: body.as_bytes().to_vec(),
                    read: None,
                })
            })
            .collect();
        let numbers = LastNumbers { last_event_seq: 0, last_track_id: 0, last_ordinal: 0 };
        fold(
            Known { numbers, tracks: HashMap::new(), history: History::default(), first_with_content: HashMap::new() },
            &batch,
        )
    }

    /// Returns this result as the database would return it, with other numbers.
    fn stored() -> Old {
        let changes = folded();
        let (track_of, seq_of) = (|id: i64| id + 70, |seq: i64| seq * 100);
        let track = |track: Track| Track {
            id: track_of(track.id),
            event_seq: seq_of(track.event_seq),
            changed: false,
            ..track
        };
        let event = |mut event: Event| {
            event.seq = seq_of(event.seq);
            event.track_id = event.track_id.map(track_of);
            event
        };
        let projected =
            |one: ProjectedCallback| (one.callback_id, ProjectedCallback { ordinal: 5 - one.ordinal, ..one });
        Old {
            tracks: changes.tracks.into_iter().map(|(resource, one)| (resource, track(one))).collect(),
            events: changes.events.into_iter().map(event).collect(),
            callbacks: changes.projected.callbacks.into_iter().map(projected).collect(),
            reads: HashMap::new(),
        }
    }

    #[test]
    fn an_equal_history_is_not_written_again() {
        let same = difference(stored(), folded(), NUMBERS);
        assert_eq!(same.kept_events, 4);
        assert_eq!((same.numbers.last_event_seq, same.numbers.last_track_id), (900, 90));
        assert!(same.new_events.is_empty() && same.gone_events.is_empty() && same.gone_tracks.is_empty());
        assert!(same.tracks.is_empty() && same.projected.callbacks.is_empty(), "{same:?}");
    }

    #[test]
    fn a_reason_that_is_worded_differently_is_not_a_new_event() {
        let mut old = stored();
        let undecodable = old.events.iter_mut().find(|event| event.reason.is_some()).unwrap();
        undecodable.reason = Some("as an earlier version said it".to_owned());
        let same = difference(old, folded(), NUMBERS);
        assert_eq!((same.kept_events, same.new_events.len(), same.gone_events.len()), (4, 0, 0));
    }

    #[test]
    fn only_differences_are_written_and_numbers_are_kept() {
        let mut old = stored();
        let (resource, track) = old.tracks.iter_mut().find(|(resource, _)| resource.id == "s2").unwrap();
        track.state.status = "draft".to_owned();
        let (resource, id) = (resource.clone(), track.id);
        old.callbacks.get_mut(&Uuid::from_u128(3)).unwrap().disposition = CallbackDisposition::Duplicate;
        let changed = difference(old, folded(), NUMBERS);
        let tracks: Vec<_> = changed.tracks.iter().map(|(resource, track)| (resource, track.id)).collect();
        assert_eq!(tracks, [(&resource, id)]);
        assert_eq!(changed.tracks[0].1.state.status, "approved");
        let projected: Vec<_> =
            changed.projected.callbacks.iter().map(|one| (one.callback_id.as_u128(), one.ordinal)).collect();
        assert_eq!(projected, [(3, 2)], "with its ordinal");
        assert_eq!((changed.kept_events, changed.new_events.len()), (4, 0));
    }

    #[test]
    fn an_event_that_differs_gets_a_number_after_all_others() {
        let mut old = stored();
        old.events[1].disposition = Some(Disposition::Late);
        let (gone, track) = (old.events[1].seq, old.events[1].track_id);
        let changed = difference(old, folded(), NUMBERS);
        assert_eq!((changed.kept_events, changed.gone_events), (3, vec![gone]));
        let new: Vec<_> =
            changed.new_events.iter().map(|event| (event.seq, event.track_id, event.disposition)).collect();
        assert_eq!(new, [(901, track, Some(Disposition::Applied))]);
        assert_eq!(changed.numbers.last_event_seq, 901);
        let pointing: Vec<_> = changed.tracks.iter().map(|(_, track)| track.event_seq).collect();
        assert_eq!(pointing, [901], "its track follows it");
    }
}
