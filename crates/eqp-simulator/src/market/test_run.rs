//! Runs of the test tools over a submission.

use eqp_types::{Timestamp, ToolRunId};
use serde_json::{Value, json};

/// The tools that run by themselves.
pub(crate) const AUTOMATED: [&str; 3] = ["phpcs", "phpcpd", "varnish"];

/// One run of one tool.
#[derive(Clone, Debug)]
pub(crate) struct TestRunEntry {
    pub(crate) id: ToolRunId,
    pub(crate) tool: &'static str,
    pub(crate) passed: bool,
    pub(crate) date: Timestamp,
}

impl TestRunEntry {
    /// One line of the summary.
    pub(crate) fn as_summary(&self) -> Value {
        let status = if self.passed { "pass" } else { "fail" };
        json!({"tool_run_id": self.id, "name": self.tool, "status": status, "date": self.date})
    }

    /// The report: a list of reports for automated tools, one bare object for people; `phpcpd` has none.
    pub(crate) fn as_report(&self, extension: &str, version: &str) -> Option<Value> {
        let status = if self.passed { "PASS" } else { "FAIL" };
        let reports = match self.tool {
            "phpcs" => json!([{
                "php_version": "8.3",
                "status": status,
                "details": {"totals": {"errors": 0, "warnings": 0}, "files": []},
            }]),
            "varnish" => json!([{
                "status": status,
                "details": [{"command": "varnishtest catalog", "output": "hit"}],
            }]),
            "phpcpd" => return None,
            _ => {
                let reasons = if self.passed { json!([]) } else { json!(["Does not meet the guidelines"]) };
                let message = if self.passed { "" } else { "Please correct what is listed and submit again." };
                json!({
                    "status": status,
                    "details": {"reasons": reasons, "message": message, "attachment": null},
                })
            }
        };
        let (vendor, _) = extension.split_once('/').unwrap_or((extension, ""));
        Some(json!({
            "tool": self.tool,
            "vendor": vendor,
            "extension": extension,
            "version": version,
            "status": status,
            "date": self.date,
            "reports": reports,
        }))
    }
}
