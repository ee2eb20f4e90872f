//! A batch, folded in memory over what the database knows: each callback becomes a copy or events, and moves its tracks.

use std::collections::HashMap;

use uuid::Uuid;

use super::batch::{Known, Numbers, Pending, Track, Tracks};
use super::changes::{CallbackOutcome, Changes, NewEvent};
use super::decide::{Around, Observation, Ruling, decide, settle};
use super::decode::Decoded;
use super::history::{History, Past};
use super::notice::{Notice, Said, Subject};
use crate::read::{EventKind, Mark, Verdict};

/// Folds a batch, in its order.
pub(crate) fn fold(known: Known, batch: &[Pending]) -> Changes {
    let Known { numbers, tracks, history, said } = known;
    let mut fold =
        Fold { numbers, tracks, history, said, events: Vec::new(), outcomes: Vec::with_capacity(batch.len()) };
    for pending in batch {
        match &pending.decoded {
            Decoded::Notice(notice) => fold.notice(pending, notice),
            Decoded::Unknown(code) => fold.without_track(pending, EventKind::Unknown, Verdict::Unknown, code),
            Decoded::Undecodable(why) => fold.without_track(pending, EventKind::Undecodable, Verdict::Undecodable, why),
        }
    }
    let changed = fold.tracks.into_iter().flat_map(|(subject, tracks)| {
        tracks.into_iter().filter(|track| track.changed).map(move |track| (subject.clone(), track))
    });
    Changes { numbers: fold.numbers, tracks: changed.collect(), events: fold.events, outcomes: fold.outcomes }
}

struct Fold {
    numbers: Numbers,
    tracks: Tracks,
    history: History,
    said: HashMap<Said, Uuid>,
    events: Vec<NewEvent>,
    outcomes: Vec<CallbackOutcome>,
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
            received_at: pending.received_at,
            named: false,
            mark: Mark::None,
            moved: false,
            reason: Some(reason.to_owned()),
            callback_id: pending.id,
        });
        let ordinal = self.next_ordinal();
        self.outcomes.push(CallbackOutcome {
            callback_id: pending.id,
            kind,
            subject: None,
            modified_at: None,
            verdict,
            copy_of: None,
            said: None,
            ordinal,
        });
    }

    fn next_ordinal(&mut self) -> i64 {
        self.numbers.last_ordinal += 1;
        self.numbers.last_ordinal
    }

    fn notice(&mut self, pending: &Pending, notice: &Notice) {
        let mut outcome = CallbackOutcome {
            callback_id: pending.id,
            kind: notice.kind,
            subject: Some(notice.subject.clone()),
            modified_at: notice.modified_at,
            verdict: Verdict::Copy,
            copy_of: None,
            said: None,
            ordinal: self.next_ordinal(),
        };
        let said = notice.said(pending.account_id);
        let said_before = said.and_then(|said| self.said.get(&said).copied());
        if said_before.is_some() {
            // Row 0 of the rule.
            self.outcomes.push(CallbackOutcome { copy_of: said_before, ..outcome });
            return;
        }

        let mut others_moved = false;
        let mut told_news = false;
        for observation in notice.observations() {
            match self.observe(pending, notice, observation, others_moved) {
                Observed::News { moved } => {
                    told_news = true;
                    others_moved |= moved;
                }
                Observed::Copy { of } => outcome.copy_of = of.or(outcome.copy_of),
            }
        }
        if told_news {
            outcome.verdict = Verdict::Event;
            outcome.copy_of = None;
        }
        if let Some(said) = said {
            // A copy of this copy is a copy of what this one is a copy of.
            self.said.insert(said, outcome.copy_of.unwrap_or(pending.id));
            outcome.said = Some(said);
        }
        self.outcomes.push(outcome);
    }

    fn observe(
        &mut self,
        pending: &Pending,
        notice: &Notice,
        observation: Observation<'_>,
        others_moved: bool,
    ) -> Observed {
        let subject = Subject { account_id: pending.account_id, kind: notice.kind, id: notice.subject.clone() };
        let tracks = self.tracks.entry(subject).or_default();
        let at = tracks.iter().position(|track| track.flow == *observation.flow);
        let track = at.and_then(|at| tracks.get_mut(at));

        let around = match (&track, observation.modified_at) {
            (Some(track), Some(time)) => self.history.around(track.id, time, observation.outcome),
            _ => Around::default(),
        };
        let ruling = decide(track.as_ref().map(|track| &track.state), observation, around, others_moved);
        let state = settle(track.as_ref().map(|track| track.state.clone()), observation, ruling);
        let item_id = notice.item_id.as_ref().map(|id| id.as_str().to_owned());

        let track = if let Some(track) = track {
            track.changed |= track.state != state || (item_id.is_some() && track.item_id != item_id);
            track.item_id = item_id.or(track.item_id.take());
            track.state = state;
            track
        } else {
            self.numbers.last_track_id += 1;
            tracks.push(Track {
                id: self.numbers.last_track_id,
                flow: observation.flow.clone(),
                item_id,
                state,
                received_at: pending.received_at,
                callback_id: Some(pending.id),
                event_seq: 0,
                changed: true,
            });
            let Some(track) = tracks.last_mut() else { return Observed::Copy { of: None } };
            track
        };

        let (mark, moved) = match ruling {
            Ruling::Event { mark, moved } => (mark, moved),
            Ruling::Copy if track.state.outcome == observation.outcome => {
                return Observed::Copy { of: track.callback_id };
            }
            Ruling::Copy => {
                let time = observation.modified_at;
                let of = time.and_then(|time| self.history.told_by(track.id, time, observation.outcome));
                return Observed::Copy { of };
            }
        };
        self.numbers.last_event_seq += 1;
        let seq = self.numbers.last_event_seq;
        if moved {
            track.received_at = pending.received_at;
            track.callback_id = Some(pending.id);
            track.event_seq = seq;
        }
        if let Some(modified_at) = observation.modified_at {
            self.history.add(Past {
                track_id: track.id,
                modified_at,
                seq,
                outcome: observation.outcome.to_owned(),
                callback_id: Some(pending.id),
            });
        }
        self.events.push(NewEvent {
            seq,
            track_id: Some(track.id),
            account_id: pending.account_id,
            kind: notice.kind,
            subject: Some(notice.subject.clone()),
            flow: Some(observation.flow.clone()),
            outcome: Some(observation.outcome.to_owned()),
            modified_at: observation.modified_at,
            received_at: pending.received_at,
            named: observation.named,
            mark,
            moved,
            reason: None,
            callback_id: pending.id,
        });
        Observed::News { moved }
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
    use crate::project::decode;

    fn fold_all(bodies: &[String]) -> (Changes, Vec<Uuid>) {
        fold_over(Tracks::new(), bodies)
    }

    fn fold_over(tracks: Tracks, bodies: &[String]) -> (Changes, Vec<Uuid>) {
        let batch: Vec<Pending> = bodies
            .iter()
            .map(|body| Pending {
                id: Uuid::now_v7(),
                account_id: 1,
                received_at: OffsetDateTime::UNIX_EPOCH,
                decoded: decode(body.as_bytes()),
            })
            .collect();
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
            ("another flow is named", update("i", "marketing", "draft", STATES), false),
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
        let tally = Tally { events: 4, copies: 1, late: 1, tied: 1, unknown: 1, undecodable: 2 };
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
