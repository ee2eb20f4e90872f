//! A batch, folded in memory over what the database knows: each callback becomes a copy or events, and moves its tracks.

use std::collections::HashMap;

use eqp_types::Timestamp;
use uuid::Uuid;

use super::batch::{Known, Numbers, Pending, Track, Tracks};
use super::changes::{CallbackOutcome, Changes, NewEvent};
use super::decide::{Around, Observation, Ruling, decide, settle};
use super::decode::Decoded;
use super::guard::guarded;
use super::history::{History, Past};
use super::notice::{Notice, Said, Subject};
use crate::read::{EventKind, Mark, Verdict};

/// Folds a batch, in its order. A callback over which the rule panics becomes undecodable; the others are not affected.
pub(crate) fn fold(known: Known, batch: &[Pending]) -> Changes {
    let Known { numbers, tracks, history, said } = known;
    let mut fold = Fold {
        numbers,
        tracks,
        history,
        said,
        events: Vec::new(),
        outcomes: Vec::with_capacity(batch.len()),
        panicked: Vec::new(),
    };
    for pending in batch {
        match &pending.decoded {
            Decoded::Notice(notice) => fold.notice(pending, notice),
            Decoded::Unknown(code) => fold.without_track(pending, EventKind::Unknown, Verdict::Unknown, code),
            Decoded::Undecodable(why) => fold.without_track(pending, EventKind::Undecodable, Verdict::Undecodable, why),
            Decoded::Panicked(why) => fold.panicked(pending, why),
        }
    }
    let changed = fold.tracks.into_iter().flat_map(|(subject, tracks)| {
        tracks.into_iter().filter(|track| track.changed).map(move |track| (subject.clone(), track))
    });
    Changes {
        numbers: fold.numbers,
        tracks: changed.collect(),
        events: fold.events,
        outcomes: fold.outcomes,
        panicked: fold.panicked,
    }
}

struct Fold {
    numbers: Numbers,
    tracks: Tracks,
    history: History,
    said: HashMap<Said, Uuid>,
    events: Vec<NewEvent>,
    outcomes: Vec<CallbackOutcome>,
    panicked: Vec<(Uuid, String)>,
}

impl Fold {
    fn without_track(&mut self, pending: &Pending, kind: EventKind, verdict: Verdict, reason: &str) {
        self.numbers.last_event_seq += 1;
        self.events.push(NewEvent {
            seq: self.numbers.last_event_seq,
            track_id: None,
            account_id: pending.account_id,
            kind,
            subject: None,
            flow: None,
            outcome: None,
            modified_at: None,
            clock_doubtful: false,
            received_at: pending.received_at,
            named: false,
            mark: Mark::None,
            moved: false,
            reason: Some(reason.to_owned()),
            callback_id: pending.id,
        });
        self.numbers.last_ordinal += 1;
        self.outcomes.push(CallbackOutcome {
            callback_id: pending.id,
            kind,
            subject: None,
            modified_at: None,
            verdict,
            copy_of: None,
            said: None,
            ordinal: self.numbers.last_ordinal,
        });
    }

    fn panicked(&mut self, pending: &Pending, reason: &str) {
        self.without_track(pending, EventKind::Undecodable, Verdict::Undecodable, reason);
        self.panicked.push((pending.id, reason.to_owned()));
    }

    fn notice(&mut self, pending: &Pending, notice: &Notice) {
        let subject = Subject { account_id: pending.account_id, kind: notice.kind, id: notice.subject.clone() };
        // Nothing of the batch is touched before the whole callback is decided.
        match guarded(|| self.decided(pending, notice, &subject)) {
            Ok(decided) => self.accept(subject, decided),
            Err(reason) => self.panicked(pending, &reason),
        }
    }

    /// Decides what one callback changes, and changes nothing yet.
    fn decided(&self, pending: &Pending, notice: &Notice, subject: &Subject) -> Decided {
        #[cfg(debug_assertions)]
        super::guard::fault::point(super::guard::fault::Stage::Decide, subject.id.as_bytes());
        let mut numbers = self.numbers;
        numbers.last_ordinal += 1;
        let mut outcome = CallbackOutcome {
            callback_id: pending.id,
            kind: notice.kind,
            subject: Some(notice.subject.clone()),
            modified_at: notice.modified_at,
            verdict: Verdict::Copy,
            copy_of: None,
            said: None,
            ordinal: numbers.last_ordinal,
        };
        let tracks = self.tracks.get(subject).cloned().unwrap_or_default();
        let said_before = pending.said.and_then(|said| self.said.get(&said).copied());
        let mut deciding = Deciding {
            history: &self.history,
            pending,
            notice,
            time: pending.trusted_time(),
            numbers,
            tracks,
            events: Vec::new(),
            past: Vec::new(),
        };
        if said_before.is_some() {
            // Row 0 of the rule.
            outcome.copy_of = said_before;
        } else {
            let mut others_moved = false;
            for observation in notice.observations(deciding.time) {
                match deciding.observe(observation, others_moved) {
                    Observed::News { moved } => others_moved |= moved,
                    Observed::Copy { of } => outcome.copy_of = of.or(outcome.copy_of),
                }
            }
            if !deciding.events.is_empty() {
                outcome.verdict = Verdict::Event;
                outcome.copy_of = None;
            }
            outcome.said = pending.said;
        }
        deciding.record_item_id();
        let Deciding { numbers, tracks, events, past, .. } = deciding;
        Decided { numbers, tracks, events, past, outcome }
    }

    fn accept(&mut self, subject: Subject, decided: Decided) {
        let Decided { numbers, tracks, events, past, outcome } = decided;
        self.numbers = numbers;
        self.tracks.insert(subject, tracks);
        self.events.extend(events);
        for past in past {
            self.history.add(past);
        }
        if let Some(said) = outcome.said {
            // A copy of this copy is a copy of what this one is a copy of.
            self.said.insert(said, outcome.copy_of.unwrap_or(outcome.callback_id));
        }
        self.outcomes.push(outcome);
    }
}

/// What one callback changes.
struct Decided {
    numbers: Numbers,
    tracks: Vec<Track>,
    events: Vec<NewEvent>,
    past: Vec<Past>,
    outcome: CallbackOutcome,
}

/// One callback on its way through the rule, over copies of its tracks.
struct Deciding<'a> {
    history: &'a History,
    pending: &'a Pending,
    notice: &'a Notice,
    /// The reported time, if it can be trusted.
    time: Option<Timestamp>,
    numbers: Numbers,
    tracks: Vec<Track>,
    events: Vec<NewEvent>,
    past: Vec<Past>,
}

impl Deciding<'_> {
    fn observe(&mut self, observation: Observation<'_>, others_moved: bool) -> Observed {
        let at = self.tracks.iter().position(|track| track.flow == *observation.flow);
        let track = at.and_then(|at| self.tracks.get_mut(at));

        let around = match (&track, observation.modified_at) {
            (Some(track), Some(time)) => self.history.around(track.id, time, observation.outcome),
            _ => Around::default(),
        };
        let ruling = decide(track.as_ref().map(|track| &track.state), observation, around, others_moved);
        let state = settle(track.as_ref().map(|track| track.state.clone()), observation, ruling);

        let track = if let Some(track) = track {
            track.changed |= track.state != state;
            track.state = state;
            track
        } else {
            self.numbers.last_track_id += 1;
            self.tracks.push(Track {
                id: self.numbers.last_track_id,
                flow: observation.flow.clone(),
                // All tracks of a submission bear its newest.
                item_id: self.tracks.iter().find_map(|track| track.item_id.clone()),
                state,
                received_at: self.pending.received_at,
                callback_id: Some(self.pending.id),
                event_seq: 0,
                changed: true,
            });
            let Some(track) = self.tracks.last_mut() else { return Observed::Copy { of: None } };
            track
        };

        let (mark, moved) = match ruling {
            Ruling::Event { mark, moved } => (mark, moved),
            Ruling::Copy | Ruling::AmbiguousCopy if track.state.outcome == observation.outcome => {
                return Observed::Copy { of: track.callback_id };
            }
            Ruling::Copy | Ruling::AmbiguousCopy => {
                let time = observation.modified_at;
                let of = time.and_then(|time| self.history.told_by(track.id, time, observation.outcome));
                return Observed::Copy { of };
            }
        };
        self.numbers.last_event_seq += 1;
        let seq = self.numbers.last_event_seq;
        if moved {
            track.received_at = self.pending.received_at;
            track.callback_id = Some(self.pending.id);
            track.event_seq = seq;
        }
        if let Some(modified_at) = observation.modified_at {
            self.past.push(Past {
                track_id: track.id,
                modified_at,
                seq,
                outcome: observation.outcome.to_owned(),
                callback_id: Some(self.pending.id),
            });
        }
        self.events.push(NewEvent {
            seq,
            track_id: Some(track.id),
            account_id: self.pending.account_id,
            kind: self.notice.kind,
            subject: Some(self.notice.subject.clone()),
            flow: Some(observation.flow.clone()),
            outcome: Some(observation.outcome.to_owned()),
            modified_at: self.notice.modified_at,
            clock_doubtful: self.time != self.notice.modified_at,
            received_at: self.pending.received_at,
            named: observation.named,
            mark,
            moved,
            reason: None,
            callback_id: self.pending.id,
        });
        Observed::News { moved }
    }

    /// The newest `item_id` is that of the submission, whichever of its tracks a callback is about.
    fn record_item_id(&mut self) {
        let Some(item_id) = self.notice.item_id.as_ref().map(eqp_types::ItemId::as_str) else { return };
        for track in self.tracks.iter_mut().filter(|track| track.item_id.as_deref() != Some(item_id)) {
            track.item_id = Some(item_id.to_owned());
            track.changed = true;
        }
    }
}

enum Observed {
    News { moved: bool },
    Copy { of: Option<Uuid> },
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::metrics::Tally;

    const RECEIVED_AT: OffsetDateTime = time::macros::datetime!(2022-09-01 00:00:00 UTC);

    fn fold_all(bodies: &[String]) -> (Changes, Vec<Uuid>) {
        fold_over(Tracks::new(), bodies)
    }

    fn fold_over(tracks: Tracks, bodies: &[String]) -> (Changes, Vec<Uuid>) {
        let batch: Vec<Pending> =
            bodies.iter().map(|body| Pending::new(Uuid::now_v7(), 1, RECEIVED_AT, body.as_bytes())).collect();
        let known = Known {
            numbers: Numbers { last_event_seq: 0, last_track_id: 0, last_ordinal: 0 },
            tracks,
            history: History::default(),
            said: HashMap::new(),
        };
        (fold(known, &batch), batch.iter().map(|pending| pending.id).collect())
    }

    fn update(item_id: &str, flow: &str, outcome: &str, rest: &str) -> String {
        format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "s", "item_id": "{item_id}",
            "eqp_flow": "{flow}", "current_status": "{outcome}"{rest}}}}}"#
        )
    }

    const STATES: &str = r#", "modified_at": "2022-08-25 19:20:21",
        "eqp_status": {"overall": "in_progress", "technical": "approved", "marketing": "draft"}"#;

    /// Row 0 of the rule's table, and its neighbours that are none.
    #[test]
    fn a_notice_that_says_what_an_earlier_one_said_is_a_copy_and_changes_nothing() {
        let first = update("i", "technical", "approved", STATES);
        let cases = [
            ("the same", first.clone(), true),
            ("the same, spaced otherwise", first.replace(", ", " , "), true),
            (
                "the same, with a field that is not documented",
                first.replace("\"item_id\"", "\"x\": 1, \"item_id\""),
                true,
            ),
            ("another flow is named, and the statuses are the same", update("i", "marketing", "draft", STATES), true),
            ("in another spelling", update("i", " Technical", "APPROVED", STATES), true),
            ("with another item_id", update("i2", "technical", "approved", STATES), true),
            ("another outcome", update("i", "technical", "rejected", STATES), false),
            ("another time", first.replace("19:20:21", "19:20:22"), false),
        ];
        for (says, second, is_copy) in cases {
            let (changes, ids) = fold_all(&[first.clone(), second]);
            let second = &changes.outcomes[1];
            assert_eq!(second.said.is_none(), is_copy, "{says}");
            if is_copy {
                assert_eq!((second.verdict, second.copy_of), (Verdict::Copy, Some(ids[0])), "{says}");
                assert_eq!(changes.events.len(), 3, "{says}");
            }
        }
    }

    #[test]
    fn everything_is_counted_as_what_it_became() {
        let told = |outcome: &str, second: u8| {
            update("i", "technical", outcome, &format!(r#", "modified_at": "2022-08-25 19:20:{second:02}""#))
        };
        let (changes, _) = fold_all(&[
            told("in_automation", 10),
            told("in_automation", 10),
            told("rejected", 10),
            told("approved", 30),
            told("draft", 5),
            r#"{"callback_event": "a_new_one"}"#.to_owned(),
            "[".to_owned(),
            "]".to_owned(),
        ]);
        let tally = Tally { events: 4, copies: 1, late: 1, tied: 1, unknown: 1, undecodable: 2, panicked: 0 };
        assert_eq!(changes.tally(), tally);
    }

    #[test]
    fn words_without_a_time_are_judged_each_time_they_come() {
        let told = |outcome: &str| update("i", "technical", outcome, "");
        let (changes, _) = fold_all(&[told("rejected"), told("in_automation"), told("rejected"), told("rejected")]);
        assert_eq!(changes.events.len(), 3);
        assert_eq!(changes.outcomes[3].verdict, Verdict::Copy);
    }

    #[test]
    fn the_developers_id_is_remembered_from_whoever_tells_it() {
        let (changes, _) = fold_all(&[
            update("", "technical", "in_automation", ""),
            update("i1", "technical", "in_automation", ""),
            update("", "technical", "approved", ""),
        ]);
        assert_eq!(changes.tracks.len(), 1);
        assert_eq!(changes.tracks[0].1.item_id.as_deref(), Some("i1"));
    }

    #[test]
    fn the_newest_item_id_counts_for_every_flow_whatever_became_of_its_callback() {
        let status = |item_id: &str, flow: &str, outcome: &str, second: u8| {
            let states = format!(
                r#", "modified_at": "2022-08-25 19:20:{second:02}",
                "eqp_status": {{"overall": "in_progress", "technical": "approved", "marketing": "draft"}}"#
            );
            update(item_id, flow, outcome, &states)
        };
        let newest = |bodies: &[String]| -> Vec<Option<String>> {
            fold_all(bodies).0.tracks.into_iter().map(|(_, track)| track.item_id).collect()
        };
        let first = status("z9", "technical", "approved", 10);
        let i2 = Some("a1".to_owned());
        for (says, second) in [
            ("a duplicate of the whole report", status("a1", "technical", "approved", 10)),
            ("a duplicate of what is now", status("a1", "technical", "approved", 11)),
            ("an earlier report", status("a1", "technical", "rejected", 9)),
            ("an untimed report about one flow", update("a1", "marketing", "draft", "")),
        ] {
            assert_eq!(newest(&[first.clone(), second]), [i2.clone(), i2.clone(), i2.clone()], "{says}");
        }
        let named = update("a1", "technical", "approved", "");
        let unnamed = update("", "marketing", "draft", "");
        assert_eq!(newest(&[named, unnamed]), [i2.clone(), i2], "a new flow inherits it");
    }

    fn timed(outcome: &str, time: &str) -> String {
        update("i", "technical", outcome, &format!(r#", "modified_at": "{time}""#))
    }

    #[test]
    fn a_time_far_ahead_of_its_arrival_is_stored_and_not_trusted() {
        // Received at 2022-09-01 00:00:00.
        for (time, is_doubtful) in [
            ("2022-09-03 00:00:00", false),
            ("2022-09-03 00:00:01", true),
            ("9999-12-31 23:59:59", true),
            ("1970-01-01 00:00:00", false),
        ] {
            let (changes, _) = fold_all(&[timed("approved", time)]);
            let event = &changes.events[0];
            assert_eq!((event.modified_at.unwrap().to_string(), event.clock_doubtful), (time.into(), is_doubtful));
            let state = &changes.tracks[0].1.state;
            assert_eq!((state.modified_at.is_none(), state.seen_until.is_none()), (is_doubtful, is_doubtful), "{time}");
        }
    }

    #[test]
    fn a_doubtful_time_does_not_keep_later_reports_from_being_applied() {
        let bodies = [
            timed("in_automation", "9999-01-01 00:00:00"),
            timed("approved", "2022-08-25 19:20:21"),
            timed("in_automation", "9999-01-01 00:00:00"),
            timed("rejected", "9999-01-01 00:00:00"),
            timed("in_manual_qa", "2022-08-25 19:20:22"),
        ];
        let (changes, ids) = fold_all(&bodies);
        let events: Vec<_> = changes.events.iter().map(|event| event.outcome.as_deref().unwrap()).collect();
        assert_eq!(events, ["in_automation", "approved", "rejected", "in_manual_qa"]);
        assert_eq!(changes.outcomes[2].copy_of, Some(ids[0]), "the same report again is a duplicate");
        assert!(changes.events.iter().all(|event| event.mark == Mark::None && event.moved));
        assert_eq!(changes.tracks[0].1.state.outcome, "in_manual_qa");
    }

    #[test]
    fn a_callback_that_panics_is_undecodable_and_changes_nothing_else() {
        use crate::project::guard::fault::{Stage, panic_on};
        let bodies = |bad: &str| {
            let bad = timed("approved", "2022-08-25 19:20:21").replace("\"s\"", &format!("\"{bad}\""));
            [timed("draft", "2022-08-25 19:20:20"), bad.clone(), timed("approved", "2022-08-25 19:20:22"), bad]
        };
        for (stage, marker) in [(Stage::Decode, "fold-decode-panics"), (Stage::Decide, "fold-decide-panics")] {
            panic_on(stage, marker);
            let (changes, ids) = fold_all(&bodies(marker));
            let seen: Vec<_> = changes.events.iter().map(|event| (event.seq, event.kind)).collect();
            let (good, bad) = (EventKind::Submission, EventKind::Undecodable);
            assert_eq!(seen, [(1, good), (2, bad), (3, good), (4, bad)], "{stage:?}");
            let reason = changes.events[1].reason.as_deref().unwrap();
            assert_eq!(reason, format!("internal error: fault point {stage:?} on `{marker}`"));
            assert_eq!(changes.panicked.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [ids[1], ids[3]]);
            assert_eq!((changes.tally().panicked, changes.tally().undecodable), (2, 2));
            let ordinals: Vec<_> = changes.outcomes.iter().map(|outcome| outcome.ordinal).collect();
            assert_eq!((ordinals, changes.tracks.len()), (vec![1, 2, 3, 4], 1));
        }
    }

    #[test]
    fn a_copy_of_what_is_no_longer_leads_to_the_callback_that_told_it() {
        let told = |outcome: &str, second: u8| {
            update("i", "technical", outcome, &format!(r#", "modified_at": "2022-08-25 19:20:{second:02}""#))
        };
        let bodies =
            [("in_automation", 10), ("approved", 20), ("in_automation", 15), ("approved", 21), ("approved", 18)];
        let (changes, ids) = fold_all(&bodies.map(|(outcome, second)| told(outcome, second)));
        let became: Vec<_> = changes.outcomes.iter().map(|outcome| outcome.copy_of).collect();
        assert_eq!(became[..3], [None, None, Some(ids[0])]);
        // Named later, and nothing else moved: entered again, which is no copy.
        assert_eq!((changes.events[2].mark, became[3]), (Mark::Again, None));
        assert_eq!(became[4], Some(ids[3]), "what is now is told by the last that moved it");
    }

    #[test]
    fn a_track_is_written_only_where_something_about_it_is_new() {
        let told = |item_id: &str, outcome: &str| update(item_id, "technical", outcome, "");
        let known = |item_id: &str| {
            let (changes, _) = fold_all(&[told(item_id, "in_automation")]);
            changes
                .tracks
                .into_iter()
                .map(|(of, track)| (of, vec![Track { changed: false, ..track }]))
                .collect::<Tracks>()
        };
        for (before, item_id, outcome, is_written) in [
            ("", "", "in_automation", false),
            ("", "i1", "in_automation", true),
            ("i1", "i1", "in_automation", false),
            ("i1", "", "in_automation", false),
            ("i1", "i2", "in_automation", true),
            ("i1", "i1", "approved", true),
        ] {
            let (changes, _) = fold_over(known(before), &[told(item_id, outcome)]);
            assert_eq!(!changes.tracks.is_empty(), is_written, "{before:?}, then {item_id:?} {outcome}");
        }
    }

    #[test]
    fn a_named_outcome_is_again_only_where_nothing_else_explains_the_notice() {
        let told = |second: u8, marketing: &str| {
            let states = format!(
                r#", "modified_at": "2022-08-25 19:20:{second:02}",
                "eqp_status": {{"overall": "in_progress", "technical": "rejected", "marketing": "{marketing}"}}"#
            );
            update("i", "technical", "rejected", &states)
        };
        let marks = |bodies: &[String]| -> Vec<Mark> {
            fold_all(bodies).0.events.into_iter().skip(3).map(|event| event.mark).collect()
        };
        assert_eq!(marks(&[told(1, "draft"), told(5, "draft")]), [Mark::Again]);
        assert_eq!(marks(&[told(1, "draft"), told(5, "approved")]), [Mark::None], "another flow moved");
    }

    #[test]
    fn events_are_numbered_without_a_gap_and_the_state_is_one_of_them() {
        let (changes, ids) = fold_all(&[
            update("i", "technical", "in_automation", ""),
            "[".to_owned(),
            update("i", "technical", "approved", ""),
        ]);
        let seqs: Vec<_> = changes.events.iter().map(|event| event.seq).collect();
        assert_eq!((seqs, changes.numbers.last_event_seq), (vec![1, 2, 3], 3));
        let (_, track) = &changes.tracks[0];
        assert_eq!((track.event_seq, track.callback_id), (3, Some(ids[2])));
    }
}
