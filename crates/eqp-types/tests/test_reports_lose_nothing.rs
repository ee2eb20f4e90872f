//! Tests that any test report is written back unchanged.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "a test ends where something does not hold")]

use eqp_test_support::one_spelling;
use eqp_types::{TestReport, TestRun};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Every field name that the types know, and some that they do not know. Each can have any value.
const NAMES: &[&str] = &[
    "tool",
    "tool_run_id",
    "name",
    "status",
    "date",
    "reports",
    "details",
    "vendor",
    "extension",
    "version",
    "php_version",
    "magento_version",
    "magento_edition",
    "totals",
    "files",
    "errors",
    "warnings",
    "fixable",
    "messages",
    "message",
    "source",
    "severity",
    "type",
    "line",
    "column",
    "reasons",
    "attachment",
    "command",
    "output",
    "a/b.php",
    "shelf",
    "",
];
const TEXTS: &[&str] = &[
    "",
    "phpcs",
    "phpcpd",
    "varnish",
    "marketing",
    "manual_qa",
    "phpstan",
    "PASS",
    "FAIL",
    "pass",
    "needs_review",
    "ERROR",
    "2020-01-07 18:52:25",
    "2020-07-21 8:09:10",
    "0000-00-00 00:00:00",
    "5",
    "007",
    "+7",
    " 7",
    "-1",
    "soon",
    "ü\u{1b}[31m\0",
    "2.10",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1000_i16..1000).prop_map(|tenths| json!(f64::from(tenths) / 10.0)),
        select(TEXTS).prop_map(Value::from),
        ".{0,300}".prop_map(Value::from),
    ]
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    btree_map(select(NAMES), value, 0..8).prop_map(|fields| {
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
    })
}

fn anything() -> impl Strategy<Value = Value> {
    scalar()
        .prop_recursive(5, 64, 6, |inner| prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::from), object(inner)])
}

/// Generates a report in the documented form, with any values in any place.
fn report() -> impl Strategy<Value = Value> {
    let tool = || select(&["phpcs", "varnish", "marketing", "manual_qa", "phpstan"][..]);
    let messages = vec(object(anything()), 0..3).prop_map(Value::from);
    let files = btree_map(".{0,20}", object(prop_oneof![anything(), messages]), 0..3).prop_map(|files| json!(files));
    let commands = vec(object(anything()), 0..3).prop_map(Value::from);
    let details = prop_oneof![anything(), object(prop_oneof![anything(), files]), commands];
    let single = (object(anything()), tool(), details).prop_map(|(mut report, tool, details)| {
        report["tool"] = json!(tool);
        report["details"] = details;
        report
    });
    let single = single.boxed();
    let reports = prop_oneof![single.clone(), vec(single, 0..3).prop_map(Value::from), anything()];
    (object(anything()), tool(), reports).prop_map(|(mut report, tool, reports)| {
        report["tool"] = json!(tool);
        report["reports"] = reports;
        report
    })
}

proptest! {
    #[test]
    fn any_object_is_read_as_a_report_and_written_back(json in prop_oneof![report(), object(anything())]) {
        let report: TestReport = serde_json::from_value(json.clone()).unwrap();
        prop_assert_eq!(one_spelling(&serde_json::to_value(&report).unwrap()), one_spelling(&json));
        for failed in report.failures() {
            prop_assert!(!failed.sentences.is_empty());
            prop_assert!(failed.to_string().lines().count() == 1 + failed.sentences.len(), "{failed}");
            prop_assert!(failed.to_string().chars().all(|character| character == '\n' || !character.is_control()));
        }
    }

    #[test]
    fn any_object_is_read_as_a_run_and_written_back(json in object(anything())) {
        let run: TestRun = serde_json::from_value(json.clone()).unwrap();
        prop_assert_eq!(one_spelling(&serde_json::to_value(&run).unwrap()), one_spelling(&json));
    }
}
