//! Tests that no body can stop the projector: each callback becomes events, a duplicate, an unknown code or undecodable, without
//! a panic and without a value that Postgres would reject.

use eqp_store::internal::{LastNumbers, PendingReport};
use proptest::prelude::*;
use proptest::sample::select;
use time::macros::datetime;
use uuid::Uuid;

use super::batch::{Known, Pending, test_account};
use super::decode::Decoded;
use super::fold::fold;
use super::history::History;

/// Times in formats that programs have written, and times at the limits of the supported range.
const TIMES: [&str; 22] = [
    r#""9999-12-31T23:59:59-01:00""#,
    r#""9999-12-31 23:59:59""#,
    r#""9999-12-31T23:59:60Z""#,
    r#""-9999-01-01 00:00:00""#,
    r#""-0001-12-31 23:59:59""#,
    r#""0000-00-00 00:00:00""#,
    r#""0001-01-01T00:00:00+23:59""#,
    r#""+292277-01-01T00:00:00Z""#,
    r#""294277-01-01 00:00:00""#,
    r#""4714-11-24 00:00:00 BC""#,
    r#""2022-02-30 25:61:61""#,
    r#""2022-08-25 19:20:21.99999999999999999999""#,
    r#""2022-08-25T19:20:21+99:99""#,
    r#""2022-08-25 19:20:21""#,
    r#""Thu, 01 Jan 9999 00:00:00 -2359""#,
    r#""infinity""#,
    "253402300799",
    "99999999999",
    "9223372036854775807",
    "-1",
    "1e308",
    "9999999999999.9",
];

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(&TIMES[..]).prop_map(str::to_owned),
        select(&["null", "true", "\"\"", "\" \"", "[]", "{}", "1e999", "-0", "123456789012345678901234567890"][..])
            .prop_map(str::to_owned),
        select(
            &["approved", "DRAFT", " passed ", "in_automation", "on_the_moon", "technical", "Marketing", "overall"][..]
        )
        .prop_map(|code| format!("\"{code}\"")),
        select(&[r"\u0000", r"\ud800", r"\udc00\ud800", r"\u001b[2J", r"\u2028", "é"][..])
            .prop_map(|text| format!("\"a{text}\"")),
        (1_usize..300).prop_map(|length| format!("\"{}\"", "x".repeat(length))),
        (1_usize..200).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        any::<f64>().prop_map(|number| number.to_string().replace("inf", "1e400").replace("NaN", "0")),
        "\\PC{0,20}".prop_map(|text| serde_json::to_string(&text).expect("text is JSON")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            object(inner),
        ]
    })
}

/// Generates an object with the field names of callbacks, some of them duplicated.
fn object(value: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = String> {
    const NAMES: [&str; 14] = [
        "callback_event",
        "update_info",
        "submission_id",
        "file_upload_id",
        "item_id",
        "eqp_flow",
        "current_status",
        "eqp_state",
        "eqp_status",
        "modified_at",
        "tool_result",
        "overall",
        "technical",
        "marketing",
    ];
    let field = (select(&NAMES[..]), value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    prop::collection::vec(field, 0..8).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

/// Generates a callback that is valid except for some of its fields.
fn callback() -> impl Strategy<Value = String> {
    let event = prop_oneof![
        5 => Just("\"eqp_status_update\"".to_owned()),
        3 => Just("\"malware_scan_complete\"".to_owned()),
        1 => json(),
    ];
    let id = prop_oneof![3 => Just("\"s\"".to_owned()), 1 => json()];
    let status = prop_oneof![2 => Just("\"approved\"".to_owned()), 1 => Just("\"rejected\"".to_owned()), 1 => json()];
    let time = prop_oneof![2 => select(&TIMES[..]).prop_map(str::to_owned), 1 => json()];
    (event, id, status.clone(), status, time, json()).prop_map(|(event, id, status, technical, time, odd)| {
        format!(
            r#"{{"callback_event":{event},"update_info":{{"submission_id":{id},"file_upload_id":{id},"item_id":{odd},
            "eqp_flow":"technical","current_status":{status},"tool_result":{status},
            "eqp_status":{{"overall":"draft","technical":{technical},"marketing":{odd}}},"modified_at":{time},"x":{odd}}}}}"#
        )
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => callback().prop_map(String::into_bytes),
        2 => json().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        // A body that was damaged in transit.
        2 => (callback(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(body, at, byte)| {
            let mut body = body.into_bytes();
            let at = at.index(body.len());
            body[at] = byte;
            body
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_body_panics_and_each_has_exactly_one_disposition(bodies in prop::collection::vec(body(), 1..6)) {
        let received_at = datetime!(2026-11-29 12:00:00 UTC);
        let batch: Vec<Pending> =
            (1..).zip(&bodies).map(|(id, body)| Pending::new(&PendingReport { id: Uuid::from_u128(id), account: test_account(), received_at, body: body.clone(), read: None })).collect();
        for (pending, body) in batch.iter().zip(&bodies) {
            let panicked = matches!(pending.decoded, Decoded::Panicked(_));
            prop_assert!(!panicked, "{:?}: {}", pending.decoded, body.escape_ascii());
        }
        let numbers = LastNumbers { last_event_seq: 0, last_track_id: 0, last_ordinal: 0 };
        let (tracks, first_with_content) = (eqp_store::internal::Tracks::new(), std::collections::HashMap::new());
        let changes = fold(Known { numbers, tracks, history: History::default(), first_with_content }, &batch);
        prop_assert!(changes.panicked.is_empty(), "{:?}", changes.panicked);
        prop_assert_eq!(changes.projected.callbacks.len(), bodies.len());
        let texts = changes.events.iter().flat_map(|event| {
            let flow = event.flow.as_ref().map(eqp_types::Flow::as_str);
            [event.resource_id.as_deref(), flow, event.status.as_deref(), event.reason.as_deref()]
        });
        for text in texts.flatten() {
            prop_assert!(!text.contains('\0') && text.len() <= 1_000, "Postgres would reject {:?}", text);
        }
        for event in &changes.events {
            let year = event.modified_at.map_or(2022, |at| at.to_utc().year());
            prop_assert!((1..=9999).contains(&year));
        }
    }
}
