//! The names of the metrics follow the conventions of Prometheus, and the alert rules fire on the series of a running receiver.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use super::metrics::{metrics, page, receiver};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus/eqp.rules.yml");

#[tokio::test]
async fn metrics_have_a_help_a_type_and_a_name_by_the_conventions_of_prometheus() {
    let receiver = receiver().await;
    let page = page(&receiver).await;
    receiver.stop().await;
    let mut types = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        types.insert(name, kind);
    }
    assert!(types.len() > 25, "{types:?}");
    for (name, kind) in &types {
        assert!(page.contains(&format!("# HELP {name} ")), "{name} has no help");
        let words: Vec<&str> = name.split('_').collect();
        assert_eq!(words[0], "eqp", "{name}");
        assert!(words.iter().all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase())), "{name}");
        assert!(!words.iter().any(|word| ["total", "count", "sum", "bucket", "info"].contains(word)), "{name}");
        for unit in ["milliseconds", "ms", "minutes", "hours", "kilobytes", "kb", "mb", "percent"] {
            assert!(!words.contains(&unit), "{name}: use seconds, bytes or a ratio");
        }
        let is_time = words.iter().any(|word| ["timestamp", "duration"].contains(word));
        assert!(!is_time || words.last() == Some(&"seconds"), "{name}: the unit is the last word");
        assert!(["counter", "gauge", "histogram"].contains(kind), "{name} is a {kind}");
        let samples: Vec<&str> = page.lines().filter(|line| belongs(line, name)).collect();
        let is_named = |sample: &&str| match *kind {
            "counter" => sample.starts_with(&format!("{name}_total")),
            "histogram" => ["_bucket", "_sum", "_count"].iter().any(|end| sample.starts_with(&format!("{name}{end}"))),
            _ => sample[name.len()..].starts_with(['{', ' ']),
        };
        assert!(samples.iter().all(is_named), "{name}: {samples:?}");
    }
}

/// Returns whether a line is a sample of the metric, and not of one whose name is longer.
fn belongs(line: &str, metric: &str) -> bool {
    let end = ["", "_total", "_bucket", "_sum", "_count"];
    let name = line.split(['{', ' ']).next().unwrap_or_default();
    end.iter().any(|end| name.strip_suffix(end) == Some(metric))
}

/// What makes each alert fire: a series of the receiver, and its values, one per minute. The clock of a test starts at 0.
const CAUSES: [(&str, &str, &str); 18] = [
    ("EqpNotReady", "eqp_ready", "0x180"),
    ("EqpDatabaseDown", "eqp_spool_oldest_timestamp_seconds", "60x180"),
    ("EqpCallbackQuarantined", "eqp_quarantined_callbacks", "1x180"),
    ("EqpProjectionBehind", "eqp_oldest_pending_timestamp_seconds", "60x180"),
    ("EqpUndecodableCallback", r#"eqp_callbacks_projected_total{result="undecodable"}"#, "0+1x180"),
    ("EqpProjectionPanicked", "eqp_projection_panics_total", "0+1x180"),
    ("EqpPartPanicked", r#"eqp_part_panics_total{part="projector"}"#, "0+1x180"),
    ("EqpUnauthorizedCallbacks", r#"eqp_callback_requests_total{result="unauthorized"}"#, "0+1x180"),
    ("EqpCallbackPathMismatch", "eqp_callback_path_mismatches_total", "0+1x180"),
    ("EqpCertificateExpiresSoon", "eqp_certificate_expiry_timestamp_seconds", "86400x180"),
    ("EqpCertificateReloadFailed", r#"eqp_certificate_reloads_total{result="failed"}"#, "0+1x180"),
    ("EqpReconcileOverdue", "eqp_last_reconcile_timestamp_seconds", "60x180"),
    ("EqpDeliveryDead", r#"eqp_deliveries_total{result="dead"}"#, "0+1x180"),
    ("EqpDeliveriesWaiting", "eqp_oldest_waiting_delivery_timestamp_seconds", "60x180"),
    ("EqpSubscriptionPaused", "eqp_subscriptions_paused", "1x180"),
    ("EqpFanOutBehind", "eqp_fan_out_lag_events", "7x180"),
    ("EqpHandlerBehind", r#"eqp_handler_lag_events{handler="mail"}"#, "7x180"),
    ("EqpHandlerDeadLetter", r#"eqp_handler_failures_total{kind="dead_letter"}"#, "0+1x180"),
];
/// The time at which the alerts are looked at.
const AT: &str = "150m";

#[tokio::test]
async fn each_alert_rule_fires_on_the_series_of_a_receiver_and_none_while_all_is_well() {
    let rules = std::fs::read_to_string(RULES).unwrap();
    let written: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let mut tested: Vec<&str> = CAUSES.iter().map(|(alert, ..)| *alert).collect();
    let mut sorted = written.clone();
    tested.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(tested, sorted, "every rule has a cause in this test");

    let receiver = receiver().await;
    let quiet = metrics(&receiver).await;
    receiver.stop().await;
    let mut tests = vec![scenario("quiet", &quiet, None, &written, None)];
    for (alert, series, values) in CAUSES {
        let known = series.split(['{', '=']).next().unwrap();
        // A series with the name of a part or of a handler exists once there is one.
        assert!(quiet.contains_key(series) || series.contains("part=") || series.contains("handler="), "{series}");
        assert!(rules.contains(known), "{known} occurs in a rule");
        tests.push(scenario(alert, &quiet, Some((series, values)), &written, Some(alert)));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.test.yml");
    let unit = json!({ "rule_files": [RULES], "evaluation_interval": "1m", "tests": tests });
    std::fs::write(&file, unit.to_string()).unwrap();
    let Ok(checked) = Command::new("promtool").args(["test", "rules"]).arg(&file).output() else {
        eprintln!("not run: no promtool");
        return;
    };
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
}

/// A test of promtool: the series of a receiver, one of which may have other values, and the alerts that then fire.
fn scenario(
    name: &str,
    quiet: &BTreeMap<String, f64>,
    cause: Option<(&str, &str)>,
    alerts: &[&str],
    fires: Option<&str>,
) -> Value {
    let mut input: Vec<Value> = quiet
        .iter()
        .filter(|(series, _)| cause.is_none_or(|(changed, _)| changed != series.as_str()))
        .map(|(series, value)| json!({ "series": series, "values": format!("{value}x180") }))
        .collect();
    input.extend(cause.map(|(series, values)| json!({ "series": series, "values": values })));
    // The expression of a test returns the names of the alerts that fire.
    let expected: Vec<Value> =
        fires.iter().map(|alert| json!({ "labels": format!("{{alertname=\"{alert}\"}}"), "value": 1 })).collect();
    let firing = "count by (alertname) (ALERTS{alertstate=\"firing\"})";
    assert!(fires.is_none_or(|alert| alerts.contains(&alert)));
    json!({
        "name": name,
        "interval": "1m",
        "input_series": input,
        "promql_expr_test": [{ "expr": firing, "eval_time": AT, "exp_samples": expected }],
    })
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}
