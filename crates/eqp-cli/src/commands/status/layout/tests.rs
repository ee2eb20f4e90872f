use serde_json::{Value, json};

use super::*;
use crate::output::plain;

/// The status of the screens: each group, several versions, and the connection.
fn screens() -> Value {
    let line = |version: &str, id: &str, state: &str, since: &str, sentences: Value| {
        json!({"version": version, "resource_id": id, "state": state, "since": since, "typical_seconds": null,
            "is_unconfirmed": false, "sentences": sentences, "flows": [], "reason": null})
    };
    let product = |sku: &str, store: &str, lines: Value, next: Value| {
        json!({"environment": "production", "mage_id": "MAG123456789", "sku": sku, "label": sku, "name": null,
            "since": "2026-11-29T09:12:00Z", "is_in_store": true, "store_version": store, "lines": lines, "next": next})
    };
    let mut rejected =
        line("1.5.0", "s1", "rejected", "2026-11-29T09:12:00Z", json!(["rejected by technical review 2 h ago"]));
    rejected["reason"] = json!("code sniffer: 2 errors in 1 file, first Model/Pay.php:118");
    let fine = [("acme/ad", "2.2.0"), ("acme/faq", "3.3.1"), ("acme/quote", "1.0.9"), ("acme/wishlist-pro", "1.2.0")]
        .map(|(sku, store)| product(sku, store, json!([]), Value::Null));
    json!({
        "at": "2026-11-29T11:20:00Z", "source": "database", "environment": null,
        "accounts": [{"environment": "production", "mage_id": "MAG123456789"}],
        "last_response_at": "2026-11-29T11:19:20Z", "stale": null,
        "needs_you": [product("acme/checkout", "1.4.2", json!([rejected]), json!({"text": "read the reasons", "command": "eqp packages report s1"}))],
        "stuck": [product("acme/giftcard", "2.9.4",
            json!([line("3.0.0", "s5w9k703ru", "stuck", "2026-11-10T10:00:00Z", json!(["manual QA for 19 d, yours take 4-7 d"]))]),
            json!({"text": "write to Marketplace support, submission s5w9k703ru", "command": "eqp submissions letter s5w9k703ru"}))],
        "in_review": [
            product("acme/search", "4.1.9", json!([
                line("4.2.0", "s3", "in_review", "2026-11-29T08:20:00Z", json!(["technical: automated tests, 3 h", "marketing: approved"])),
                line("4.1.10", "s4", "in_review", "2026-11-29T09:20:00Z", json!(["technical: waits for manual QA, 2 h"]))]), Value::Null),
            product("acme/core", "1.9.2", json!([
                line("1.9.3", "s5", "in_review", "2026-11-29T11:09:00Z", json!(["scan, 11 min; patch, skips manual QA"]))]), Value::Null)],
        "due": [{"sentence": "3 listings show no version compatible with Commerce 2.4.9 (was due 11 Jun):", "due_at": "2026-06-11T00:00:00Z",
            "products": ["acme/blog", "acme/ship", "acme/tax"], "next": {"text": "", "command": "eqp listings due"}}],
        "fine": fine,
        "in_store": 8,
        "channel": {"last_callback_at": "2026-11-29T08:20:00Z", "reconciled_at": "2026-11-29T11:14:00Z", "differences": 2,
            "missed_callbacks": 2, "endpoints": [{"name": "main", "state": "registered", "is_drifted": false}], "receivers": 1,
            "certificate_expires_at": "2027-01-29T12:00:00Z", "alerts": {"open": 2, "acknowledged": 0, "resolved": 0}},
        "setup": [], "is_complete": true,
    })
}

fn status(changes: &Value) -> Status {
    let mut status = screens();
    for (name, value) in changes.as_object().unwrap() {
        status[name] = value.clone();
    }
    serde_json::from_value(status).unwrap()
}

fn all_well() -> Value {
    json!({"needs_you": [], "stuck": [], "in_review": [], "due": [], "in_store": 4})
}

fn text(status: &Status, width: usize) -> String {
    let layout = Layout { width: Some(width), marks: Marks::Ascii, is_selection: false };
    let text = plain(&layout.text(status));
    for line in text.lines() {
        let fits = line.chars().count() <= width || line.trim().split(' ').count() == 1;
        assert!(fits, "wider than {width}: {line}");
    }
    text
}

#[test]
fn every_group_at_80_columns() {
    insta::assert_snapshot!(text(&status(&json!({})), 80));
}

#[test]
fn every_group_at_60_columns() {
    insta::assert_snapshot!(text(&status(&json!({})), 60));
}

#[test]
fn a_width_of_zero_counts_as_80() {
    let status = status(&json!({}));
    let wide = Layout { width: Some(0), marks: Marks::Ascii, is_selection: false };
    assert_eq!(plain(&wide.text(&status)), text(&status, 80));
    let none = Layout { width: None, ..wide };
    assert_eq!(plain(&none.text(&status)), text(&status, 80));
}

#[test]
fn all_well_fresh_and_stale() {
    insta::assert_snapshot!("all_well", text(&status(&all_well()), 80));
    let mut fresh = all_well();
    fresh["fine"] = json!([]);
    fresh["in_store"] = json!(0);
    fresh["last_response_at"] = Value::Null;
    fresh["channel"] = json!({"last_callback_at": null, "reconciled_at": null, "differences": 0, "missed_callbacks": 0,
        "endpoints": [], "receivers": 0, "certificate_expires_at": null, "alerts": {"open": 0, "acknowledged": 0, "resolved": 0}});
    fresh["setup"] = json!([
        {"step": "key_stored", "state": "done", "detail": "done"},
        {"step": "endpoint_reachable", "state": "missing", "detail": "no receiver is running"},
        {"step": "registered", "state": "missing", "detail": "no (eqp callbacks add)"},
        {"step": "first_callback", "state": "missing", "detail": "not yet"}]);
    insta::assert_snapshot!("fresh", text(&status(&fresh), 80));
    let stale = json!({"last_response_at": "2026-11-29T06:14:00Z",
        "stale": {"last_response_at": "2026-11-29T06:14:00Z", "cause": "the last comparison with the API failed: connection refused"}});
    insta::assert_snapshot!("stale", text(&status(&stale), 80));
}

#[test]
fn a_selected_product_shows_all_versions_with_dates() {
    let mut selected = all_well();
    selected["fine"] = json!([]);
    selected["channel"] = Value::Null;
    selected["in_review"] = screens()["in_review"].as_array().unwrap()[..1].into();
    let layout = Layout { width: Some(80), marks: Marks::Ascii, is_selection: true };
    insta::assert_snapshot!(plain(&layout.text(&status(&selected))));
}

#[test]
fn marks_are_symbols_where_the_locale_can_show_them_and_colours_only_support_them() {
    let status = status(&json!({}));
    let of = |marks| Layout { width: Some(80), marks, is_selection: false }.text(&status);
    let [ascii, unicode] = [Marks::Ascii, Marks::Unicode].map(|marks| plain(&of(marks)));
    for (mark, symbol) in [
        ("\nx acme/checkout", "\n✗ acme/checkout"),
        ("\n! acme/giftcard", "\n▲ acme/giftcard"),
        ("\n~ acme/core", "\n● acme/core"),
    ] {
        assert!(ascii.contains(mark) && unicode.contains(symbol), "{unicode}");
    }
    let colours: Vec<_> =
        ["31m", "33m", "34m", "32m"].iter().map(|code| of(Marks::Ascii).matches(code).count()).collect();
    assert_eq!(colours, [1, 2, 3, 1], "red, yellow, blue and green");
}

#[test]
fn odd_names_neither_break_the_layout_nor_reach_the_terminal() {
    let mut odd = screens();
    let long = format!("acme/{}", "n".repeat(295));
    odd["needs_you"][0]["label"] = json!(long);
    odd["needs_you"][0]["lines"][0]["version"] = json!("1.0.0-a-very-long-pre-release");
    odd["stuck"][0]["label"] = json!("acme/\u{1b}[31mred\n::error::x");
    odd["stuck"][0]["store_version"] = json!("9".repeat(40));
    odd["stuck"][0]["lines"][0]["sentences"] = json!(["a\u{202e}b"]);
    odd["in_review"][0]["lines"][0]["version"] = Value::Null;
    let status: Status = serde_json::from_value(odd).unwrap();
    for width in [80, 60, 40, 20, 1] {
        let layout = Layout { width: Some(width), marks: Marks::Ascii, is_selection: false };
        let text = plain(&layout.text(&status));
        assert!(text.contains(&long), "words are never broken: {width}");
        assert!(text.contains("acme/\\u{1b}[31mred\\n::error::x") && text.contains("a\\u{202e}b"), "{text}");
    }
}

#[test]
fn of_many_products_the_first_are_named() {
    let mut many = all_well();
    let fine: Vec<_> = (0..3_000).map(|number| {
        let sku = format!("acme/p{number}");
        json!({"environment": "production", "mage_id": "MAG123456789", "sku": sku, "label": sku, "name": null, "since": null,
            "is_in_store": true, "store_version": "1.0.0", "lines": [], "next": null})
    }).collect();
    many["fine"] = json!(fine);
    many["in_store"] = json!(3_000);
    let text = text(&status(&many), 80);
    assert!(text.contains("Nothing needs you. 3000 products in the store, none in review."), "{text}");
    assert!(text.contains("and 2900 more (eqp status --json)") && text.lines().count() < 60, "{text}");
}

#[test]
fn markdown_and_badge() {
    insta::assert_snapshot!("markdown", crate::commands::status::markdown::markdown(&status(&json!({}))));
    let mut one = all_well();
    one["in_review"] = screens()["in_review"].as_array().unwrap()[..1].into();
    one["in_review"][0]["label"] = json!("acme/<search> & \"x\"\u{7}");
    one["fine"] = json!([]);
    let one = status(&one);
    let badge = crate::commands::status::badge::svg(&one);
    assert_eq!(badge, crate::commands::status::badge::svg(&one));
    let svg = roxmltree::Document::parse(&badge).unwrap();
    let title = svg.descendants().find(|node| node.has_tag_name("title")).unwrap();
    let expected = "acme/<search> & \"x\"\\u{7}: 4.1.9 in the store, 4.2.0 in review for 3 h, 4.1.10 in review for 2 h";
    assert_eq!(title.text(), Some(expected));
    insta::assert_snapshot!("badge", badge);
}
