//! Callbacks with unusual fields are all answered, and none stops the receiver or its projector.

use std::net::Ipv4Addr;

use eqp_store::{EventFilter, EventKind, Reader, SubmissionFilter};

use eqp_test_support::receiver::{PATH, RIGHT, SCAN, STATUS, TestReceiver, until};

async fn projecting() -> TestReceiver {
    TestReceiver::with(|builder| builder.operator_listen((Ipv4Addr::LOCALHOST, 0).into()).project()).await
}

async fn metric(receiver: &TestReceiver, name: &str) -> f64 {
    let url = format!("http://{}/metrics", receiver.operator.unwrap());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}

fn status(id: &str, field: &str, json: &str) -> String {
    let fields = [
        ("item_id", "\"i1\""),
        ("eqp_flow", "\"technical\""),
        ("current_status", "\"approved\""),
        ("eqp_status", r#"{"overall": "in_progress", "technical": "approved", "marketing": "draft"}"#),
        ("modified_at", "\"2022-08-25 19:20:21\""),
    ];
    let fields = fields.map(|(name, usual)| format!("\"{name}\": {}", if name == field { json } else { usual }));
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{id}", {}}}}}"#,
        fields.join(", ")
    )
}

const ODD: &[&str] = &[
    "null",
    "true",
    "7",
    "-1",
    "1e999",
    "1e308",
    "123456789012345678901234567890",
    "[]",
    "{}",
    "[[[[]]]]",
    "\"\"",
    "\" \"",
    r#""\u0000""#,
    r#""\ud800""#,
    r#""\u001b[2J""#,
    r#"["approved"]"#,
    r#"{"technical": {"status": "approved"}}"#,
];
const ODD_TIMES: &[&str] = &[
    "\"9999-12-31T23:59:59-01:00\"",
    "\"9999-12-31 23:59:59\"",
    "\"9999-12-31T23:59:60Z\"",
    "\"-9999-01-01 00:00:00\"",
    "\"-0001-01-01 00:00:00\"",
    "\"0000-00-00 00:00:00\"",
    "\"0001-01-01T00:00:00+23:59\"",
    "\"294277-01-01 00:00:00\"",
    "\"infinity\"",
    "\"2022-02-30 25:61:61\"",
    "\"2022-08-25T19:20:21+99:99\"",
    "253402300799",
    "253402300800",
    "9223372036854775807",
    "9999999999999",
];

#[tokio::test]
async fn no_odd_field_stops_the_receiver_or_costs_more_than_itself() {
    let receiver = projecting().await;
    let long = format!("\"{}\"", "x".repeat(300));
    let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
    let mut sent = 0;
    for field in ["item_id", "eqp_flow", "current_status", "eqp_status", "modified_at"] {
        let times = if field == "modified_at" { ODD_TIMES } else { &[] };
        for json in ODD.iter().chain(times).copied().chain([long.as_str(), deep.as_str()]) {
            let body = status(&format!("s{sent}"), field, json);
            let answer = receiver.sender.post(PATH, RIGHT, &body).await;
            assert_eq!(answer.status, 200, "{body}");
            sent += 1;
        }
    }
    for time in ODD_TIMES {
        let body = SCAN.replace("\"passed\"", &format!("\"passed\", \"modified_at\": {time}"));
        assert_eq!(receiver.sender.post(PATH, RIGHT, &body).await.status, 200, "{body}");
    }
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);

    let reader = Reader::new(receiver.database.pool.clone());
    until("everything is projected", || async { reader.counts(None).await.unwrap().pending == 0 }).await;
    let counts = reader.counts(None).await.unwrap();
    // Every report had a resource and at least one status that could be read.
    assert_eq!((counts.undecodable, counts.submissions, counts.files), (0, sent + 1, 1), "{counts:?}");
    assert!((metric(&receiver, "eqp_projection_panics_total ").await).abs() < f64::EPSILON);
    receiver.is_ready(true).await;
}

#[tokio::test]
async fn ids_sent_as_numbers_keep_their_digits_and_stay_apart() {
    let receiver = projecting().await;
    let ids = ["123456789012345678901234567890", "123456789012345678901234567891", "2309480238.23847500"];
    for id in ids {
        let body = STATUS.replace("\"s5w9k703ru\"", id);
        assert_eq!(receiver.sender.post(PATH, RIGHT, &body).await.status, 200);
    }
    let reader = Reader::new(receiver.database.pool.clone());
    until("everything is projected", || async { reader.counts(None).await.unwrap().pending == 0 }).await;
    let submissions = reader.submissions(&SubmissionFilter::default()).await.unwrap();
    let mut shown: Vec<_> = submissions.iter().map(|submission| submission.submission_id.as_str()).collect();
    shown.sort_unstable();
    assert_eq!(shown, ids);
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn a_callback_that_panics_is_counted_and_the_receiver_goes_on() {
    use eqp_receiver::fuzzing::{Stage, panic_on};
    panic_on(Stage::Decode, "a-real-receiver-panics-on-this");
    let receiver = projecting().await;
    let bad = SCAN.replace("2309480238.238475.0", "a-real-receiver-panics-on-this");
    for body in [&bad, SCAN, &bad, STATUS] {
        assert_eq!(receiver.sender.post(PATH, RIGHT, body).await.status, 200);
    }
    let reader = Reader::new(receiver.database.pool.clone());
    until("everything is projected", || async { reader.counts(None).await.unwrap().pending == 0 }).await;
    let undecodable = EventFilter { kind: Some(EventKind::Undecodable), ..EventFilter::default() };
    let events = reader.events(&undecodable).await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(events[0].reason.as_ref().unwrap().starts_with("internal error: "));
    assert_eq!(reader.counts(None).await.unwrap().events, 2);
    until("the metric counts", || async { metric(&receiver, "eqp_projection_panics_total ").await > 1.5 }).await;
}
