//! Version 1 of the event format: consumers rely on each of these fields.

use eqp_deliver::{AlertChange, Message};
use eqp_store::EventKind;
use serde_json::Value;

use crate::messages;

fn body(message: &Message) -> Value {
    serde_json::from_str(&message.json()).unwrap()
}

macro_rules! snapshot {
    ($name:literal, $message:expr) => {{
        let message = $message;
        assert_eq!(body(&message)["type"], message.body.type_name());
        insta::assert_json_snapshot!($name, serde_json::json!({"webhook-id": message.id, "body": body(&message)}));
    }};
}

#[test]
fn a_status_change_has_all_fields() {
    snapshot!("status_change", messages::rejection());
}

#[test]
fn a_malware_scan_has_all_fields() {
    snapshot!("scan", messages::scan());
}

#[test]
fn an_unknown_event_code_and_an_undecodable_callback_have_a_reason() {
    snapshot!("unknown", messages::unrecognized(EventKind::Unknown, "eqp_legal_status_update"));
    snapshot!("undecodable", messages::unrecognized(EventKind::Undecodable, "the body is not JSON"));
}

#[test]
fn alerts_have_data_of_their_own() {
    snapshot!("alert_opened", messages::alert(AlertChange::Opened));
    snapshot!("alert_acknowledged", messages::alert(AlertChange::Acknowledged));
    snapshot!("alert_resolved", messages::alert(AlertChange::Resolved));
    snapshot!("alert_reminded", messages::reminder());
}

#[test]
fn a_digest_lists_the_products_of_a_week() {
    snapshot!("digest", messages::digest());
}

#[test]
fn a_test_says_that_it_is_a_test() {
    snapshot!("test", messages::test());
}

#[test]
fn the_id_depends_on_the_database_and_the_source_only() {
    let first = messages::rejection();
    assert_eq!(first.id, messages::rejection().replayed(3).id, "an attempt in a replay has the same ID");
    assert_ne!(first.id, messages::release().id);
    let sources = [first, messages::scan(), messages::alert(AlertChange::Opened), messages::test()];
    for message in sources {
        assert!(message.id.starts_with("evt_") && message.id.len() == 36, "{}", message.id);
    }
}

#[test]
fn the_body_starts_with_the_type_and_the_time() {
    assert!(messages::test().json().starts_with(
        r#"{"type":"subscription.test","timestamp":"2026-11-27T09:15:02.5Z","data":{"subscription":"ci""#
    ));
}
