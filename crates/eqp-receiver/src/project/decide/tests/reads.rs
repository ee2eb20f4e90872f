//! Tests row A of the rule: API reads.

use super::*;

/// Decides about an API read, and returns the state afterwards.
fn read_at(now: &TrackState, status: &str, at: Option<i64>, after_callback: bool) -> (Decision, TrackState) {
    let observation = Observation { flow: &Flow::Technical, status, modified_at: at.map(second), explicit: false };
    let decision = decide_read(Some(now), observation);
    let reading = Reading { received_at: READ_AT, after_callback };
    (decision, settle_read(Some(now.clone()), observation, decision, reading))
}

const READ_AT: OffsetDateTime = time::macros::datetime!(2022-09-01 00:00:00 UTC);

/// Returns a state that an API read has confirmed.
fn confirmed(status: &str, modified_at: Option<i64>, seen_until: Option<i64>) -> TrackState {
    TrackState { confirmed_at: Some(READ_AT), ..state(status, modified_at, seen_until) }
}

#[test]
fn an_api_read_corrects_the_status_whatever_its_time_is() {
    let now = state("in_manual_qa", Some(10), Some(20));
    let later = confirmed("approved", Some(30), Some(30));
    assert_eq!(read_at(&now, "approved", Some(30), true), (CORRECTED, later));
    // Seen until moves back, but the history still extends to second 20.
    let back = TrackState { history_until: Some(second(20)), ..confirmed("draft", Some(5), Some(5)) };
    assert_eq!(read_at(&now, "draft", Some(5), false), (CORRECTED, back));
    let untimed = confirmed("approved", None, Some(20));
    assert_eq!(read_at(&now, "approved", None, true), (CORRECTED, untimed));
}

#[test]
fn an_api_read_of_the_status_now_confirms_it() {
    let ambiguous = TrackState { ambiguous: true, unconfirmed: true, ..state("in_manual_qa", Some(20), Some(20)) };
    for (at, expected) in [
        (Some(20), confirmed("in_manual_qa", Some(20), Some(20))),
        (Some(15), confirmed("in_manual_qa", Some(20), Some(20))),
        (Some(30), confirmed("in_manual_qa", Some(20), Some(30))),
        (None, confirmed("in_manual_qa", Some(20), Some(20))),
    ] {
        assert_eq!(read_at(&ambiguous, "in_manual_qa", at, true), (Decision::Duplicate, expected), "{at:?}");
    }
    let untimed = state("in_manual_qa", None, None);
    assert_eq!(read_at(&untimed, "in_manual_qa", Some(5), true).1, confirmed("in_manual_qa", Some(5), Some(5)));
}

#[test]
fn the_first_api_read_of_a_track_is_applied_and_confirmed() {
    let observation =
        Observation { flow: &Flow::Overall, status: "draft", modified_at: Some(second(5)), explicit: false };
    let decision = decide_read(None, observation);
    let reading = Reading { received_at: READ_AT, after_callback: false };
    assert_eq!(decision, APPLIED);
    assert_eq!(settle_read(None, observation, decision, reading), confirmed("draft", Some(5), Some(5)));
}

#[test]
fn an_api_read_that_contradicts_a_callback_leaves_the_track_unconfirmed() {
    let now = state("approved", Some(20), Some(20));
    let ambiguous = TrackState { ambiguous: true, ..now.clone() };
    for (now, at, after_callback, is_unconfirmed) in [
        (&now, Some(20), true, true),
        (&now, Some(10), true, true),
        (&now, Some(21), true, false),
        (&now, None, true, false),
        (&now, Some(20), false, false),
        (&ambiguous, Some(20), true, false),
    ] {
        let (decision, state) = read_at(now, "in_manual_qa", at, after_callback);
        assert_eq!((decision, state.unconfirmed), (CORRECTED, is_unconfirmed), "{at:?} {after_callback}");
        assert_eq!(state.confirmed_at.is_none(), is_unconfirmed);
    }
    let contradicted = read_at(&now, "in_manual_qa", Some(20), true).1;
    assert!(!read_at(&contradicted, "in_manual_qa", Some(20), false).1.unconfirmed, "the next read confirms it");
    assert!(!settled(&contradicted, "approved", Some(21), APPLIED).unconfirmed);
    assert!(!settled(&contradicted, "in_manual_qa", Some(21), Decision::Duplicate).unconfirmed);
    assert!(settled(&contradicted, "approved", Some(20), Decision::Repeated).unconfirmed);
}

#[test]
fn a_status_that_a_callback_applies_is_not_confirmed() {
    let now = confirmed("in_manual_qa", Some(10), Some(20));
    assert_eq!(settled(&now, "approved", Some(30), APPLIED), state("approved", Some(30), Some(30)));
    assert_eq!(settled(&now, "in_manual_qa", Some(30), REENTERED), state("in_manual_qa", Some(30), Some(30)));
    let late = settled(&now, "rejected", Some(15), LATE);
    assert_eq!(late.confirmed_at, Some(READ_AT));
}

#[test]
fn a_repeated_report_after_a_correction_changes_no_status() {
    // The read moved seen until from 20 back to 15. The callback of second 20 arrives again in another form.
    let corrected = TrackState { history_until: Some(second(20)), ..confirmed("draft", Some(15), Some(15)) };
    let again =
        Observation { flow: &Flow::Technical, status: "approved", modified_at: Some(second(20)), explicit: true };
    let neighbours = Neighbours { exact: true, ..Neighbours::default() };
    let decision = decide(Some(&corrected), again, neighbours, false);
    assert_eq!(decision, Decision::Repeated);
    let state = settle(Some(corrected), again, decision);
    assert_eq!((state.status.as_str(), state.seen_until), ("draft", Some(second(20))));
}
