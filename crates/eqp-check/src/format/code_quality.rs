//! The code quality report of GitLab, which is displayed in merge requests.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::registry::Severity;
use crate::report::{Location, Report};

/// The file of findings that belong to no file.
const NO_FILE: &str = "composer.json";

/// Converts the report to the JSON array of GitLab. `manifest` is the file of the fields, if there is one. Blocking rules that did not run
/// are issues too, because a merge request without issues looks like a pass.
pub fn code_quality(report: &Report, manifest: Option<&str>) -> Value {
    let mut seen: HashMap<(String, String), u32> = HashMap::new();
    let mut issue = |rule: &str, path: &str, line: u32, severity: &str, description: String| {
        // Equal fingerprints are displayed once. A line would change the fingerprint whenever code is inserted above it.
        let count = seen.entry((rule.to_owned(), path.to_owned())).or_default();
        *count += 1;
        json!({
            "description": description,
            "check_name": rule,
            "fingerprint": fingerprint(&[rule, path, &count.to_string()]),
            "severity": severity,
            "location": {"path": path, "lines": {"begin": line}},
        })
    };
    let mut issues = Vec::new();
    for finding in &report.findings {
        let severity = if finding.severity == Severity::Blocking { "blocker" } else { "minor" };
        let (path, line, field) = match &finding.location {
            Location::File { name, line } => (name.as_str(), line.unwrap_or(1), String::new()),
            Location::Field { name } => (manifest.unwrap_or(NO_FILE), 1, format!("{name}: ")),
            Location::Archive => (NO_FILE, 1, String::new()),
        };
        let description = format!("{field}{}. {}", finding.message, finding.remedy);
        issues.push(issue(finding.rule.id, path, line, severity, description));
    }
    for not_run in report.unchecked() {
        let description = format!("{} did not run: {}", not_run.rule.id, not_run.reason);
        issues.push(issue(not_run.rule.id, NO_FILE, 1, "major", description));
    }
    Value::Array(issues)
}

/// Returns a hash (FNV-1a) of texts, which is the same in every version of this program.
fn fingerprint(texts: &[&str]) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_never_changes_and_separates_its_parts() {
        assert_eq!(fingerprint(&["unfinished", "Model/Badge.php", "1"]), "f0db3364366d6624");
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
    }
}
