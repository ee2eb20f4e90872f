//! Tests what batches of callbacks change.

mod reads;

use time::OffsetDateTime;

use super::*;
use crate::project::batch::test_account;
use crate::results::Tally;
use eqp_store::Disposition;
use eqp_store::internal::PendingReport;

const RECEIVED_AT: OffsetDateTime = time::macros::datetime!(2022-09-01 00:00:00 UTC);

fn fold_all(bodies: &[String]) -> (Changes, Vec<Uuid>) {
    fold_over(Tracks::new(), bodies)
}

fn fold_over(tracks: Tracks, bodies: &[String]) -> (Changes, Vec<Uuid>) {
    let batch: Vec<Pending> = bodies
        .iter()
        .map(|body| {
            Pending::new(&PendingReport {
                id: Uuid::now_v7(),
                account: test_account(),
                received_at: RECEIVED_AT,
                body: body.as_bytes().to_vec(),
                read: None,
            })
        })
        .collect();
    let known = Known {
        numbers: LastNumbers { last_event_seq: 0, last_track_id: 0, last_ordinal: 0 },
        tracks,
        history: History::default(),
        first_with_content: HashMap::new(),
    };
    (fold(known, &batch), batch.iter().map(|pending| pending.id.uuid()).collect())
}

fn update(item_id: &str, flow: &str, status: &str, rest: &str) -> String {
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "s", "item_id": "{item_id}",
        "eqp_flow": "{flow}", "current_status": "{status}"{rest}}}}}"#
    )
}

const STATES: &str = r#", "modified_at": "2022-08-25 19:20:21",
    "eqp_status": {"overall": "in_progress", "technical": "approved", "marketing": "draft"}"#;

/// Row 0 of the rule, with similar reports that are not duplicates.
#[test]
fn a_report_with_the_content_of_an_earlier_one_is_a_duplicate_and_changes_nothing() {
    let first = update("i", "technical", "approved", STATES);
    let cases = [
        ("the same", first.clone(), true),
        ("the same, with other whitespace", first.replace(", ", " , "), true),
        ("the same, with an undocumented field", first.replace("\"item_id\"", "\"x\": 1, \"item_id\""), true),
        ("another flow is explicit, and the statuses are the same", update("i", "marketing", "draft", STATES), true),
        ("in another spelling", update("i", " Technical", "APPROVED", STATES), true),
        ("with another item_id", update("i2", "technical", "approved", STATES), true),
        ("another status", update("i", "technical", "rejected", STATES), false),
        ("another time", first.replace("19:20:21", "19:20:22"), false),
    ];
    for (case, second, is_duplicate) in cases {
        let (changes, ids) = fold_all(&[first.clone(), second]);
        let second = &changes.projected.callbacks[1];
        assert_eq!(second.content_digest.is_none(), is_duplicate, "{case}");
        if is_duplicate {
            assert_eq!(
                (second.disposition, second.duplicate_of),
                (CallbackDisposition::Duplicate, Some(ids[0])),
                "{case}"
            );
            assert_eq!(changes.events.len(), 3, "{case}");
        }
    }
}

#[test]
fn events_and_callbacks_are_counted_by_disposition() {
    let report = |status: &str, second: u8| {
        update("i", "technical", status, &format!(r#", "modified_at": "2022-08-25 19:20:{second:02}""#))
    };
    let (changes, _) = fold_all(&[
        report("in_automation", 10),
        report("in_automation", 10),
        report("rejected", 10),
        report("approved", 30),
        report("draft", 5),
        r#"{"callback_event": "a_new_one"}"#.to_owned(),
        "[".to_owned(),
        "]".to_owned(),
    ]);
    let tally =
        Tally { events: 4, duplicates: 1, late: 1, ambiguous: 1, unknown: 1, undecodable: 2, ..Tally::default() };
    assert_eq!(changes.tally(), tally);
}

#[test]
fn reports_without_a_time_are_decided_each_time() {
    let report = |status: &str| update("i", "technical", status, "");
    let (changes, _) = fold_all(&[report("rejected"), report("in_automation"), report("rejected"), report("rejected")]);
    assert_eq!(changes.events.len(), 3);
    assert_eq!(changes.projected.callbacks[3].disposition, CallbackDisposition::Duplicate);
}

#[test]
fn the_item_id_is_recorded_from_any_report() {
    let (changes, _) = fold_all(&[
        update("", "technical", "in_automation", ""),
        update("i1", "technical", "in_automation", ""),
        update("", "technical", "approved", ""),
    ]);
    assert_eq!(changes.tracks.len(), 1);
    assert_eq!(changes.tracks[0].1.item_id.as_deref(), Some("i1"));
}

#[test]
fn the_newest_item_id_is_set_on_every_track_even_by_a_duplicate() {
    let status = |item_id: &str, flow: &str, status: &str, second: u8| {
        let states = format!(
            r#", "modified_at": "2022-08-25 19:20:{second:02}",
            "eqp_status": {{"overall": "in_progress", "technical": "approved", "marketing": "draft"}}"#
        );
        update(item_id, flow, status, &states)
    };
    let newest = |bodies: &[String]| -> Vec<Option<String>> {
        fold_all(bodies).0.tracks.into_iter().map(|(_, track)| track.item_id).collect()
    };
    let first = status("z9", "technical", "approved", 10);
    let i2 = Some("a1".to_owned());
    for (case, second) in [
        ("a duplicate of the whole report", status("a1", "technical", "approved", 10)),
        ("a duplicate of the status now", status("a1", "technical", "approved", 11)),
        ("an earlier report", status("a1", "technical", "rejected", 9)),
        ("an untimed report about one flow", update("a1", "marketing", "draft", "")),
    ] {
        assert_eq!(newest(&[first.clone(), second]), [i2.clone(), i2.clone(), i2.clone()], "{case}");
    }
    let explicit = update("a1", "technical", "approved", "");
    let unnamed = update("", "marketing", "draft", "");
    assert_eq!(newest(&[explicit, unnamed]), [i2.clone(), i2], "a new flow inherits it");
}

fn timed(status: &str, time: &str) -> String {
    update("i", "technical", status, &format!(r#", "modified_at": "{time}""#))
}

#[test]
fn a_time_far_ahead_of_the_receipt_is_stored_and_not_trusted() {
    // Received at 2022-09-01 00:00:00.
    for (time, is_doubtful) in [
        ("2022-09-03 00:00:00", false),
        ("2022-09-03 00:00:01", true),
        ("9999-12-31 23:59:59", true),
        ("1971-01-01 00:00:00", false),
    ] {
        let (changes, _) = fold_all(&[timed("approved", time)]);
        let event = &changes.events[0];
        assert_eq!((event.modified_at.unwrap().to_string(), event.clock_doubtful), (time.into(), is_doubtful));
        let state = &changes.tracks[0].1.state;
        assert_eq!((state.modified_at.is_none(), state.seen_until.is_none()), (is_doubtful, is_doubtful), "{time}");
    }
}

#[test]
fn a_placeholder_for_a_missing_time_does_not_make_a_report_late() {
    for placeholder in ["0001-01-01 00:00:00", "0000-00-00 00:00:00", "1970-01-01 00:00:00"] {
        let (changes, _) = fold_all(&[timed("in_automation", "2022-08-25 19:20:21"), timed("approved", placeholder)]);
        let state = &changes.tracks[0].1.state;
        assert_eq!((state.status.as_str(), state.modified_at), ("approved", None), "{placeholder}");
        assert_eq!(changes.events[1].modified_at, None);
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
    let events: Vec<_> = changes.events.iter().map(|event| event.status.as_deref().unwrap()).collect();
    assert_eq!(events, ["in_automation", "approved", "rejected", "in_manual_qa"]);
    assert_eq!(changes.projected.callbacks[2].duplicate_of, Some(ids[0]), "the same report again is a duplicate");
    assert!(changes.events.iter().all(|event| event.disposition == Some(Disposition::Applied) && event.applied));
    assert_eq!(changes.tracks[0].1.state.status, "in_manual_qa");
}

#[test]
fn a_callback_that_panics_is_undecodable_and_changes_nothing_else() {
    use crate::project::undecodable::fault::{Stage, panic_on};
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
        assert_eq!(changes.panicked.iter().map(|(id, _)| id.uuid()).collect::<Vec<_>>(), [ids[1], ids[3]]);
        assert_eq!((changes.tally().panicked, changes.tally().undecodable), (2, 2));
        let ordinals: Vec<_> = changes.projected.callbacks.iter().map(|one| one.ordinal).collect();
        assert_eq!((ordinals, changes.tracks.len()), (vec![1, 2, 3, 4], 1));
    }
}

#[test]
fn a_duplicate_of_a_past_status_is_linked_to_the_callback_that_reported_it() {
    let report = |status: &str, second: u8| {
        update("i", "technical", status, &format!(r#", "modified_at": "2022-08-25 19:20:{second:02}""#))
    };
    let bodies = [("in_automation", 10), ("approved", 20), ("in_automation", 15), ("approved", 21), ("approved", 18)];
    let (changes, ids) = fold_all(&bodies.map(|(status, second)| report(status, second)));
    let duplicate_of: Vec<_> = changes.projected.callbacks.iter().map(|one| one.duplicate_of).collect();
    assert_eq!(duplicate_of[..3], [None, None, Some(ids[0])]);
    // Explicit later, and no other track has changed: reentered, which is not a duplicate.
    assert_eq!((changes.events[2].disposition, duplicate_of[3]), (Some(Disposition::Reentered), None));
    assert_eq!(duplicate_of[4], Some(ids[3]), "the status now is linked to the last callback that applied it");
}

#[test]
fn a_track_is_written_only_if_it_has_changed() {
    let report = |item_id: &str, status: &str| update(item_id, "technical", status, "");
    let known = |item_id: &str| {
        let (changes, _) = fold_all(&[report(item_id, "in_automation")]);
        changes.tracks.into_iter().map(|(of, track)| (of, vec![Track { changed: false, ..track }])).collect::<Tracks>()
    };
    for (before, item_id, status, is_written) in [
        ("", "", "in_automation", false),
        ("", "i1", "in_automation", true),
        ("i1", "i1", "in_automation", false),
        ("i1", "", "in_automation", false),
        ("i1", "i2", "in_automation", true),
        ("i1", "i1", "approved", true),
    ] {
        let (changes, _) = fold_over(known(before), &[report(item_id, status)]);
        assert_eq!(!changes.tracks.is_empty(), is_written, "{before:?}, then {item_id:?} {status}");
    }
}

#[test]
fn an_explicit_status_is_reentered_only_if_no_other_track_has_changed() {
    let report = |second: u8, marketing: &str| {
        let states = format!(
            r#", "modified_at": "2022-08-25 19:20:{second:02}",
            "eqp_status": {{"overall": "in_progress", "technical": "rejected", "marketing": "{marketing}"}}"#
        );
        update("i", "technical", "rejected", &states)
    };
    let dispositions = |bodies: &[String]| -> Vec<Disposition> {
        fold_all(bodies).0.events.into_iter().skip(3).filter_map(|event| event.disposition).collect()
    };
    assert_eq!(dispositions(&[report(1, "draft"), report(5, "draft")]), [Disposition::Reentered]);
    assert_eq!(
        dispositions(&[report(1, "draft"), report(5, "approved")]),
        [Disposition::Applied],
        "another flow applied"
    );
}

#[test]
fn events_are_numbered_without_gaps_and_tracks_refer_to_one() {
    let (changes, ids) = fold_all(&[
        update("i", "technical", "in_automation", ""),
        "[".to_owned(),
        update("i", "technical", "approved", ""),
    ]);
    let seqs: Vec<_> = changes.events.iter().map(|event| event.seq).collect();
    assert_eq!((seqs, changes.numbers.last_event_seq), (vec![1, 2, 3], 3));
    let (_, track) = &changes.tracks[0];
    assert_eq!((track.event_seq, track.report), (3, Some(ReportId::Callback(ids[2]))));
}
