//! SARIF 2.1.0, as code scanning reads it.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::book::{self, Rule, Tier};
use crate::report::{Finding, Place, Report};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report as a log of one run. `manifest` is the file that fields are in, if one was read.
pub fn sarif(report: &Report, manifest: Option<&str>) -> Value {
    let rules: Vec<&Rule> = book::rules().collect();
    let index = |rule: &Rule| rules.iter().position(|other| *other == rule);
    let result = |finding: &Finding, reason: Option<&str>| {
        let mut result = json!({
            "ruleId": finding.rule.id,
            "ruleIndex": index(finding.rule),
            "level": level(finding.tier),
            "message": {"text": format!("{}: {}", finding.place, finding.message)},
            "locations": [location(&finding.place, &report.archive, manifest)],
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
                "level": if not_run.is_gap { "warning" } else { "note" },
                "message": {"text": format!("{} did not run: {}", not_run.rule.id, not_run.why)},
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

fn description(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.says},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": level(rule.tier), "enabled": rule.tier != Tier::CannotKnow},
        "properties": {"tier": rule.tier, "source": rule.source, "looksAt": rule.looks_at},
    })
}

fn level(tier: Tier) -> &'static str {
    match tier {
        Tier::Blocks => "error",
        Tier::Warns => "warning",
        Tier::CannotKnow => "none",
    }
}

fn location(place: &Place, archive: &str, manifest: Option<&str>) -> Value {
    let file = |uri: &str| json!({"physicalLocation": {"artifactLocation": {"uri": encoded(uri)}}});
    match place {
        Place::Archive => file(archive),
        Place::File { name, line } => {
            let mut location = file(name);
            if let Some(line) = line.filter(|line| *line > 0) {
                location["physicalLocation"]["region"] = json!({"startLine": line});
            }
            location
        }
        Place::Field { name: field } => {
            let mut location = file(manifest.unwrap_or(archive));
            location["logicalLocations"] = json!([{"fullyQualifiedName": field, "kind": "member"}]);
            location
        }
    }
}

/// A relative reference: what a URI cannot hold is written with %.
fn encoded(name: &str) -> String {
    let mut uri = String::with_capacity(name.len());
    for byte in name.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            uri.push(char::from(byte));
        } else {
            // Writing to text cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
