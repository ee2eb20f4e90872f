//! Tests what API reads change, alone and among callbacks.

use super::*;

/// Returns an API read of the submission `s`.
fn read_of(statuses: [&str; 3], second: u8, began_at: OffsetDateTime, baseline: bool) -> Pending {
    let [overall, technical, marketing] = statuses;
    let body = format!(
        r#"{{"submission_id": "s", "item_id": "i9", "modified_at": "2022-08-25 19:20:{second:02}",
        "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": "{marketing}"}}}}"#
    );
    Pending::new(&PendingReport {
        id: Uuid::now_v7(),
        account: test_account(),
        received_at: began_at + time::Duration::SECOND,
        body: body.into_bytes(),
        read: Some(eqp_store::internal::ReadContext {
            resource_kind: eqp_store::ResourceKind::Submission,
            resource_id: "s".to_owned(),
            began_at,
            baseline,
        }),
    })
}

/// Returns a callback that arrived at `RECEIVED_AT`.
fn callback(body: &str) -> Pending {
    let (id, body) = (Uuid::now_v7(), body.as_bytes().to_vec());
    Pending::new(&PendingReport { id, account: test_account(), received_at: RECEIVED_AT, body, read: None })
}

fn fold_reports(batch: &[Pending]) -> Changes {
    let known = Known {
        numbers: LastNumbers { last_event_seq: 0, last_track_id: 0, last_ordinal: 0 },
        tracks: Tracks::new(),
        history: History::default(),
        first_with_content: HashMap::new(),
    };
    fold(known, batch)
}

fn status_of(changes: &Changes, flow: &str) -> String {
    let found = changes.tracks.iter().find(|(_, track)| track.flow.as_str() == flow);
    found.map(|(_, track)| track.state.status.clone()).unwrap()
}

#[test]
fn an_api_read_that_a_callback_has_overtaken_is_discarded() {
    let answered = ["in_progress", "rejected", "draft"];
    for (began_at, is_discarded) in [
        (RECEIVED_AT - time::Duration::MILLISECOND, true),
        (RECEIVED_AT, false),
        (RECEIVED_AT + time::Duration::MILLISECOND, false),
    ] {
        let batch = [callback(&update("i", "technical", "approved", STATES)), read_of(answered, 30, began_at, false)];
        let changes = fold_reports(&batch);
        let read = &changes.projected.reads[0];
        let disposition = if is_discarded { ApiReadDisposition::Discarded } else { ApiReadDisposition::Event };
        assert_eq!((read.disposition, read.ordinal), (disposition, 2), "{began_at}");
        let (technical, item) = if is_discarded { ("approved", "i") } else { ("rejected", "i9") };
        assert_eq!(status_of(&changes, "technical"), technical);
        assert!(changes.tracks.iter().all(|(_, track)| track.item_id.as_deref() == Some(item)));
        assert_eq!(
            (changes.tally().discarded, changes.tally().corrected),
            (u64::from(is_discarded), u64::from(!is_discarded))
        );
    }
}

#[test]
fn a_duplicate_callback_also_overtakes_an_api_read() {
    let body = update("i", "technical", "approved", STATES);
    let mut again = callback(&body);
    again.received_at = RECEIVED_AT + time::Duration::MINUTE;
    let began_at = RECEIVED_AT + time::Duration::SECOND;
    let read = read_of(["in_progress", "rejected", "draft"], 30, began_at, false);
    let changes = fold_reports(&[callback(&body), again, read]);
    assert_eq!(changes.projected.reads[0].disposition, ApiReadDisposition::Discarded);
}

#[test]
fn events_of_api_reads_have_their_origin_and_no_callback() {
    for (baseline, origin) in [(false, Origin::Reconcile), (true, Origin::Baseline)] {
        let read = read_of(["in_progress", "approved", "draft"], 30, RECEIVED_AT, baseline);
        let changes = fold_reports(std::slice::from_ref(&read));
        assert_eq!(changes.events.len(), 3);
        for event in &changes.events {
            assert_eq!((event.origin, event.callback_id, event.api_read_id), (origin, None, read.id.api_read()));
            assert_eq!((event.explicit, event.disposition), (false, Some(Disposition::Applied)));
        }
        // A status that is the first one, and the overall status, have no callback of their own.
        let missing: Vec<&str> = changes.missing.iter().map(|one| one.flow.as_str()).collect();
        assert_eq!(missing, if baseline { vec![] } else { vec!["technical"] });
    }
}

#[test]
fn a_callback_that_arrives_after_the_api_read_is_a_duplicate_of_it() {
    let later = update(
        "i9",
        "technical",
        "approved",
        r#", "modified_at": "2022-08-25 19:20:30",
        "eqp_status": {"overall": "in_progress", "technical": "approved", "marketing": "draft"}"#,
    );
    let read = read_of(["in_progress", "approved", "draft"], 30, RECEIVED_AT - time::Duration::MINUTE, false);
    let late = callback(&later);
    let (read_id, callback_id) = (read.id.uuid(), late.id.uuid());
    let changes = fold_reports(&[read, late]);
    assert_eq!(changes.events.len(), 3, "only those of the read");
    let projected = &changes.projected.callbacks[0];
    assert_eq!((projected.disposition, projected.duplicate_of), (CallbackDisposition::Duplicate, Some(read_id)));
    let arrived: Vec<_> =
        changes.arrived.iter().map(|one| (one.api_read_id, one.flow.as_str(), one.callback_id)).collect();
    let flows = ["overall", "marketing", "technical"];
    assert_eq!(arrived, flows.map(|flow| (read_id, flow, callback_id)));
}

#[test]
fn a_correction_among_statuses_of_the_same_second_misses_no_callback() {
    let at = r#", "modified_at": "2022-08-25 19:20:30""#;
    let batch = [
        callback(&update("i", "technical", "approved", at)),
        callback(&update("i", "technical", "rejected", at)),
        read_of(["in_progress", "approved", "draft"], 30, RECEIVED_AT, false),
    ];
    let changes = fold_reports(&batch);
    assert_eq!(status_of(&changes, "technical"), "approved");
    let track = changes.tracks.iter().find(|(_, track)| track.flow.as_str() == "technical").unwrap();
    assert!(!track.1.state.ambiguous && !track.1.state.unconfirmed);
    assert!(changes.missing.is_empty(), "{:?}", changes.missing);
}

#[test]
fn an_api_read_that_panics_is_undecodable() {
    use crate::project::undecodable::fault::{Stage, panic_on};
    for stage in [Stage::Decode, Stage::Decide] {
        let marker = format!("fold-read-{stage:?}-panics").to_lowercase();
        panic_on(stage, &marker);
        let body = format!(r#"{{"submission_id": "{marker}", "eqp_status": {{"overall": "draft"}}}}"#);
        let mut context = read_of(["a", "b", "c"], 1, RECEIVED_AT, false).read.unwrap();
        context.resource_id.clone_from(&marker);
        let read = Pending::new(&PendingReport {
            id: Uuid::now_v7(),
            account: test_account(),
            received_at: RECEIVED_AT,
            body: body.into_bytes(),
            read: Some(context),
        });
        let changes = fold_reports(&[read]);
        assert_eq!(changes.projected.reads[0].disposition, ApiReadDisposition::Undecodable, "{stage:?}");
        assert_eq!((changes.events[0].kind, changes.tally().panicked), (EventKind::Undecodable, 1));
        assert!(changes.tracks.is_empty());
    }
}
