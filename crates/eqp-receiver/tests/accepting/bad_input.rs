//! Bad input is stored byte for byte and shown with its reason.

use std::sync::Arc;

use eqp_receiver::Projector;
use eqp_store::{EventFilter, EventKind, Reader};
use tokio::sync::Notify;

use eqp_test_support::receiver::{PATH, RIGHT, SCAN, STATUS, TestReceiver};
use eqp_test_support::sender::post;

const LIMIT: usize = 256 * 1024;

/// A body, its response, its disposition and the reason.
type Case = (Vec<u8>, u16, EventKind, &'static str);

fn scan_of(file: &str) -> String {
    SCAN.replace("2309480238.238475.0", file)
}

fn cases() -> Vec<Case> {
    use EventKind::{File, Submission, Undecodable, Unknown};
    let brackets = "[".repeat(100_000);
    let largest = {
        let head = format!("{}{}", &scan_of("large")[..scan_of("large").len() - 1], r#", "padding": ""#);
        format!("{head}{}\"}}", "x".repeat(LIMIT - head.len() - 2))
    };
    assert_eq!(largest.len(), LIMIT);
    vec![
        (b"".into(), 400, Undecodable, "not JSON"),
        (b"callback_event=eqp_status_update".into(), 400, Undecodable, "not JSON"),
        (b"{\"callback_event\": \"\xff\xfe\"}".into(), 400, Undecodable, "not UTF-8"),
        (brackets.clone().into(), 400, Undecodable, "not JSON"),
        (format!("{brackets}{}", "]".repeat(100_000)).into(), 400, Undecodable, "nested deeper"),
        (br#"{"callback_event": "eqp_status_update"}"#.into(), 200, Undecodable, "`update_info`"),
        (br#"{"update_info": {}}"#.into(), 200, Undecodable, "`callback_event` is missing"),
        (b"null".into(), 200, Undecodable, ""),
        (scan_of(r"a\u0000").into(), 200, Undecodable, "control character"),
        (scan_of(&"x".repeat(256)).into(), 200, Undecodable, "255"),
        (SCAN.replace("malware_scan_complete", r"moved\u0000").into(), 200, Unknown, r"moved\u{0}"),
        (largest.into(), 200, File, ""),
        (SCAN.into(), 200, File, ""),
        (STATUS.into(), 200, Submission, ""),
    ]
}

#[tokio::test]
async fn bad_input_is_stored_and_becomes_an_event_with_a_reason() {
    let receiver = TestReceiver::new().await;
    let mut sent = Vec::new();
    for case in cases() {
        let answer = receiver.sender.post(PATH, RIGHT, &case.0).await;
        let start = String::from_utf8_lossy(&case.0[..case.0.len().min(60)]).into_owned();
        assert_eq!(answer.status, case.1, "{start}");
        sent.push((answer.id(), start, case));
    }
    Projector::new(receiver.database.pool.clone(), Arc::new(Notify::new())).drain().await.unwrap();

    let reader = Reader::new(receiver.database.pool.clone());
    for (id, start, (body, _, kind, reason)) in &sent {
        let of_it = EventFilter { callback_id: Some(*id), ..EventFilter::default() };
        let events = reader.events(&of_it).await.unwrap();
        assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [*kind], "{start}");
        let said = events[0].reason.clone().unwrap_or_default();
        assert!(said.contains(reason), "{start}: {said}");
        assert_eq!(said.is_empty(), matches!(kind, EventKind::File | EventKind::Submission), "{start}: {said}");
        assert_eq!(&reader.callback(*id).await.unwrap().unwrap().body, body, "{start}");
    }
    let counts = reader.counts(None).await.unwrap();
    assert_eq!((counts.callbacks_received, counts.pending), (sent.len() as u64, 0));
    assert_eq!((counts.undecodable, counts.unknown, counts.events, counts.duplicates), (10, 1, 3, 0));
    receiver.stop().await;
}

#[tokio::test]
async fn refused_requests_are_not_stored_and_block_nothing() {
    let receiver = TestReceiver::new().await;
    let over = vec![b' '; LIMIT + 1];
    let refused = [
        (post(PATH, &["Basic !"], STATUS.as_bytes()), 401),
        (post(PATH, &[RIGHT[0], RIGHT[0]], STATUS.as_bytes()), 401),
        (post("/callbacks/../etc/passwd", &["Basic !"], STATUS.as_bytes()), 401),
        (post("/somewhere", &[], STATUS.as_bytes()), 401),
        (post(PATH, RIGHT, &over)[..200].to_vec(), 413),
        (format!("GET {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\r\n", RIGHT[0]).into_bytes(), 405),
    ];
    for (request, status) in &refused {
        assert_eq!(receiver.sender.raw(request).await.status, *status);
        assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200, "after a {status}");
    }
    Projector::new(receiver.database.pool.clone(), Arc::new(Notify::new())).drain().await.unwrap();
    let counts = Reader::new(receiver.database.pool.clone()).counts(None).await.unwrap();
    assert_eq!(counts.callbacks_received, refused.len() as u64);
    assert_eq!((counts.events, counts.duplicates, counts.undecodable), (1, refused.len() as u64 - 1, 0));
    receiver.stop().await;
}
