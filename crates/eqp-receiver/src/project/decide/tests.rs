//! Tests each row of the rule.

mod reads;

use super::*;

/// Returns a timestamp by its second.
fn second(second: i64) -> Timestamp {
    Timestamp::of(time::OffsetDateTime::from_unix_timestamp(1_600_000_000 + second).unwrap())
}

fn state(status: &str, modified_at: Option<i64>, seen_until: Option<i64>) -> TrackState {
    TrackState {
        status: status.into(),
        modified_at: modified_at.map(second),
        seen_until: seen_until.map(second),
        ambiguous: false,
        confirmed_at: None,
        unconfirmed: false,
        history_until: seen_until.map(second),
    }
}

/// One case: the state of the track, an observation, its neighbours, and the expected decision.
struct Case {
    row: u8,
    description: &'static str,
    now: Option<TrackState>,
    flow: Flow,
    status: &'static str,
    at: Option<i64>,
    explicit: bool,
    neighbours: Neighbours<'static>,
    others_changed: bool,
    decision: Decision,
}

impl Case {
    /// Returns a case with an explicit observation of the technical flow, which has been in manual QA since second 10 and was
    /// last seen at second 20.
    fn of(row: u8, description: &'static str) -> Self {
        Self {
            row,
            description,
            now: Some(state("in_manual_qa", Some(10), Some(20))),
            flow: Flow::Technical,
            status: "in_manual_qa",
            at: Some(30),
            explicit: true,
            neighbours: Neighbours::default(),
            others_changed: false,
            decision: Decision::Duplicate,
        }
    }
}

const AMBIGUOUS_AND_APPLIED: Decision = Decision::Event { disposition: Disposition::Ambiguous, applied: true };
const AMBIGUOUS_AND_UNCHANGED: Decision = Decision::Event { disposition: Disposition::Ambiguous, applied: false };

#[allow(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<Case> {
    let at = |status| Neighbours { up_to: Some(status), ..Neighbours::default() };
    vec![
        Case { now: None, decision: APPLIED, ..Case::of(3, "the first report of a track") },
        Case { now: None, at: None, decision: APPLIED, ..Case::of(8, "the first report of a track, untimed") },
        Case {
            status: "approved",
            at: Some(15),
            neighbours: Neighbours { exact: true, ..Neighbours::default() },
            decision: Decision::Repeated,
            ..Case::of(1, "an event has this time and status")
        },
        Case { at: Some(20), decision: Decision::Repeated, ..Case::of(1, "the status now, at seen until") },
        Case {
            now: Some(state("in_manual_qa", None, Some(20))),
            at: Some(20),
            decision: Decision::Repeated,
            ..Case::of(1, "the status now without a time, at seen until")
        },
        Case { explicit: false, ..Case::of(2, "the status now, implied later") },
        Case { others_changed: true, ..Case::of(2, "the status now, explicit later, but another track has changed") },
        Case {
            now: Some(state("in_manual_qa", None, None)),
            ..Case::of(2, "the status now without a time: it gets one")
        },
        Case { decision: REENTERED, ..Case::of(2, "the status now, explicit later, and no other track has changed") },
        Case { status: "approved", decision: APPLIED, ..Case::of(3, "another status, later") },
        Case { status: "draft", explicit: false, decision: APPLIED, ..Case::of(3, "a status less far along, later") },
        Case {
            now: Some(state("in_manual_qa", None, None)),
            status: "approved",
            decision: APPLIED,
            ..Case::of(3, "the first time of a track")
        },
        Case {
            status: "approved",
            at: Some(20),
            decision: AMBIGUOUS_AND_APPLIED,
            ..Case::of(4, "further along, at the same time")
        },
        Case {
            status: "in_automation",
            at: Some(20),
            decision: AMBIGUOUS_AND_UNCHANGED,
            ..Case::of(4, "less far along, at the same time")
        },
        Case {
            status: "recalled",
            at: Some(20),
            decision: AMBIGUOUS_AND_APPLIED,
            ..Case::of(4, "recalled, the furthest")
        },
        Case {
            now: Some(state("rejected", Some(20), Some(20))),
            status: "approved",
            at: Some(20),
            decision: AMBIGUOUS_AND_UNCHANGED,
            ..Case::of(4, "approved is less far along than rejected")
        },
        Case {
            now: Some(state("in_progress", Some(20), Some(20))),
            flow: Flow::Overall,
            status: "canceled_by_admin",
            at: Some(20),
            decision: AMBIGUOUS_AND_APPLIED,
            ..Case::of(4, "the furthest of a submission as a whole")
        },
        Case {
            now: Some(state("passed", Some(20), Some(20))),
            flow: Flow::Malware,
            status: "failed",
            at: Some(20),
            decision: AMBIGUOUS_AND_APPLIED,
            ..Case::of(4, "a failed scan is further along than a passed one")
        },
        Case {
            status: "on_the_moon",
            at: Some(20),
            decision: AMBIGUOUS_AND_UNCHANGED,
            ..Case::of(4, "an unknown status loses")
        },
        Case {
            now: Some(state("on_the_moon", Some(20), Some(20))),
            status: "draft",
            at: Some(20),
            decision: AMBIGUOUS_AND_APPLIED,
            ..Case::of(4, "an unknown status loses to the least")
        },
        Case {
            now: Some(state("on_the_moon", Some(20), Some(20))),
            status: "on_mars",
            at: Some(20),
            decision: AMBIGUOUS_AND_UNCHANGED,
            ..Case::of(4, "of two unknown statuses the first stays")
        },
        Case {
            status: "in_automation",
            at: Some(20),
            explicit: false,
            neighbours: Neighbours { before: Some("in_automation"), ..Neighbours::default() },
            decision: Decision::AmbiguousDuplicate,
            ..Case::of(4, "implied, with the status before that time")
        },
        Case {
            status: "in_automation",
            at: Some(20),
            neighbours: Neighbours { before: Some("in_automation"), ..Neighbours::default() },
            decision: AMBIGUOUS_AND_UNCHANGED,
            ..Case::of(4, "explicit, with the status before that time")
        },
        Case {
            status: "in_automation",
            at: Some(15),
            neighbours: at("in_automation"),
            ..Case::of(5, "the status at that time")
        },
        Case {
            status: "approved",
            at: Some(15),
            neighbours: Neighbours { after: Some("approved"), ..at("draft") },
            ..Case::of(5, "the next status")
        },
        Case {
            status: "rejected",
            at: Some(15),
            neighbours: Neighbours { after: Some("approved"), ..at("draft") },
            decision: LATE,
            ..Case::of(5, "a status that was unknown at that time")
        },
        Case {
            status: "in_manual_qa",
            at: Some(5),
            decision: LATE,
            ..Case::of(5, "the status now, before it is known to have begun")
        },
        Case {
            now: Some(state("in_manual_qa", None, Some(20))),
            status: "approved",
            at: Some(20),
            neighbours: at("draft"),
            decision: LATE,
            ..Case::of(5, "at seen until, while the status now has no time")
        },
        Case { at: None, ..Case::of(6, "the status now, untimed") },
        Case {
            now: Some(state("passed", None, None)),
            flow: Flow::Malware,
            status: "in-progress",
            at: None,
            decision: LATE,
            ..Case::of(7, "a scan less far along")
        },
        Case {
            now: Some(state("in-progress", None, None)),
            flow: Flow::Malware,
            status: "passed",
            at: None,
            decision: APPLIED,
            ..Case::of(8, "a scan further along")
        },
        Case {
            now: Some(state("in-progress", None, None)),
            flow: Flow::Malware,
            status: "infected",
            at: None,
            decision: APPLIED,
            ..Case::of(8, "a scan with an unknown status")
        },
        Case { status: "approved", at: None, decision: APPLIED, ..Case::of(8, "another status, untimed") },
        Case { status: "draft", at: None, decision: APPLIED, ..Case::of(8, "a review may go back") },
    ]
}

#[test]
fn every_case_of_the_table_is_decided_as_listed() {
    for case in table() {
        let observation = Observation {
            flow: &case.flow,
            status: case.status,
            modified_at: case.at.map(second),
            explicit: case.explicit,
        };
        let decision = decide(case.now.as_ref(), observation, case.neighbours, case.others_changed);
        assert_eq!(decision, case.decision, "row {}: {}", case.row, case.description);
    }
}

#[test]
fn every_row_has_a_case() {
    // Row 0 is about a whole report: its cases are in the tests of `fold`. Row A has tests of its own in `reads`.
    for row in 1..=8 {
        assert!(table().iter().any(|case| case.row == row), "row {row}");
    }
}

fn settled(now: &TrackState, status: &str, at: Option<i64>, decision: Decision) -> TrackState {
    let at = at.map(second);
    settle(Some(now.clone()), Observation { flow: &Flow::Technical, status, modified_at: at, explicit: true }, decision)
}

#[test]
fn the_state_follows_the_decision() {
    let now = state("in_manual_qa", Some(10), Some(20));
    assert_eq!(settled(&now, "approved", Some(30), APPLIED), state("approved", Some(30), Some(30)));
    assert_eq!(settled(&now, "in_manual_qa", Some(30), REENTERED), state("in_manual_qa", Some(30), Some(30)));
    assert_eq!(settled(&now, "in_manual_qa", Some(30), Decision::Duplicate), state("in_manual_qa", Some(10), Some(30)));
    assert_eq!(settled(&now, "rejected", Some(15), LATE), now);
    assert_eq!(settled(&now, "approved", None, APPLIED), state("approved", None, Some(20)));
    let untimed = state("in_manual_qa", None, None);
    assert_eq!(
        settled(&untimed, "in_manual_qa", Some(5), Decision::Duplicate),
        state("in_manual_qa", Some(5), Some(5))
    );
    let seen = state("in_manual_qa", None, Some(20));
    assert_eq!(
        settled(&seen, "in_manual_qa", Some(20), Decision::Duplicate),
        seen,
        "at this time it was not the first report"
    );
}

#[test]
fn a_track_stays_ambiguous_until_a_later_report() {
    let now = state("in_manual_qa", Some(20), Some(20));
    let ambiguous = settled(&now, "approved", Some(20), AMBIGUOUS_AND_APPLIED);
    assert_eq!(ambiguous, TrackState { ambiguous: true, ..state("approved", Some(20), Some(20)) });
    assert_eq!(
        settled(&now, "draft", Some(20), AMBIGUOUS_AND_UNCHANGED),
        TrackState { ambiguous: true, ..now.clone() }
    );
    assert_eq!(
        settled(&now, "draft", Some(20), Decision::AmbiguousDuplicate),
        TrackState { ambiguous: true, ..now.clone() }
    );
    assert!(settled(&ambiguous, "draft", Some(15), LATE).ambiguous);
    for (status, at) in [("approved", Some(20)), ("draft", Some(15)), ("approved", None)] {
        assert_eq!(settled(&ambiguous, status, at, Decision::Duplicate), ambiguous, "a duplicate at {at:?}");
    }
    assert!(!settled(&ambiguous, "approved", Some(21), Decision::Duplicate).ambiguous);
    assert!(!settled(&ambiguous, "rejected", Some(21), APPLIED).ambiguous);
    assert!(!settled(&ambiguous, "rejected", None, APPLIED).ambiguous);
    assert!(!settled(&ambiguous, "approved", Some(21), REENTERED).ambiguous);
}
