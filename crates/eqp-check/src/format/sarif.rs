//! SARIF 2.1.0, the format for code scanning.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::registry::{self, Rule, Severity};
use crate::report::{Finding, Location, Report};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Converts the report to a SARIF log with one run. `manifest` is the file of the fields, if there is one.
pub fn sarif(report: &Report, manifest: Option<&str>) -> Value {
    let rules: Vec<&Rule> = registry::rules().collect();
    let index = |rule: &Rule| rules.iter().position(|other| *other == rule);
    let result = |finding: &Finding, reason: Option<&str>| {
        let mut result = json!({
            "ruleId": finding.rule.id,
            "ruleIndex": index(finding.rule),
            "level": level(finding.severity),
            "message": {"text": message(finding)},
            "locations": [location(&finding.location, &report.archive, manifest)],
        });
        if let Some(reason) = reason {
            result["suppressions"] = json!([{"kind": "external", "justification": reason}]);
        }
        result
    };
    let found = report.findings.iter().map(|finding| result(finding, None));
    let suppressed = report.suppressed.iter().map(|suppressed| result(&suppressed.finding, Some(&suppressed.reason)));
    let not_run: Vec<_> = report
        .not_run
        .iter()
        .map(|not_run| {
            json!({
                "level": if not_run.could_block { "warning" } else { "note" },
                "message": {"text": format!("{} did not run: {}", not_run.rule.id, not_run.reason)},
                "associatedRule": {"id": not_run.rule.id, "index": index(not_run.rule)},
            })
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "eqp",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|rule| description(rule)).collect::<Vec<_>>(),
            }},
            "invocations": [{"executionSuccessful": true, "toolConfigurationNotifications": not_run}],
            "results": found.chain(suppressed).collect::<Vec<_>>(),
            "columnKind": "utf16CodeUnits",
        }],
    })
}

/// Returns the message, with the remedy if it differs from that of the rule, which is part of the rule description.
fn message(finding: &Finding) -> String {
    let remedy = if finding.remedy == finding.rule.remedy { String::new() } else { format!(". {}", finding.remedy) };
    format!("{}: {}{remedy}", finding.location, finding.message)
}

fn description(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.description},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": level(rule.severity), "enabled": rule.severity != Severity::StoreOnly},
        "properties": {"severity": rule.severity, "source": rule.source, "appliesTo": rule.applies_to},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocking => "error",
        Severity::Warning => "warning",
        Severity::StoreOnly => "none",
    }
}

fn location(location: &Location, archive: &str, manifest: Option<&str>) -> Value {
    let file = |uri: &str| json!({"physicalLocation": {"artifactLocation": {"uri": encoded(uri)}}});
    match location {
        Location::Archive => file(archive),
        Location::File { name, line } => {
            let mut location = file(name);
            if let Some(line) = line.filter(|line| *line > 0) {
                location["physicalLocation"]["region"] = json!({"startLine": line});
            }
            location
        }
        Location::Field { name: field } => {
            let mut location = file(manifest.unwrap_or(archive));
            location["logicalLocations"] = json!([{"fullyQualifiedName": field, "kind": "member"}]);
            location
        }
    }
}

/// Encodes a path as a relative URI reference.
fn encoded(name: &str) -> String {
    let mut uri = String::with_capacity(name.len());
    for byte in name.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            uri.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
