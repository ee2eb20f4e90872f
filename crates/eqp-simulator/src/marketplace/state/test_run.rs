//! Runs of test tools and reviews of a submission, with their results.

use eqp_types::{Environment, Timestamp, ToolRunId};
use serde_json::{Value, json};

use crate::script::Decision;

/// Returns the automated tools. The sandbox has no copy/paste detection.
pub(crate) fn automated(environment: Environment) -> impl Iterator<Item = &'static str> {
    let is_run = move |tool: &&str| environment == Environment::Production || *tool != "phpcpd";
    ["phpcs", "phpcpd", "varnish"].into_iter().filter(is_run)
}

/// The result of a review or a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) passed: bool,
    /// The reasons for a rejection.
    pub(crate) reasons: Vec<String>,
    /// The message to the developer.
    pub(crate) message: String,
    /// The URL of a file for the developer.
    pub(crate) attachment: Option<String>,
    /// The tool that reports the result, if it is not the default one; it may be undocumented.
    pub(crate) tool: Option<String>,
}

impl Finding {
    pub(crate) fn passed() -> Self {
        Self { passed: true, reasons: Vec::new(), message: String::new(), attachment: None, tool: None }
    }

    pub(crate) fn failed() -> Self {
        Self {
            passed: false,
            reasons: vec!["Does not meet the guidelines".to_owned()],
            message: "Please correct what is listed and submit again.".to_owned(),
            attachment: None,
            tool: None,
        }
    }

    /// Returns the reasons as errors of the coding standard, in the format of that tool. An empty object is written as
    /// `[]`.
    fn as_sniffs(&self) -> Value {
        let errors = self.reasons.len();
        let messages: Vec<Value> = self
            .reasons
            .iter()
            .enumerate()
            .map(|(line, reason)| {
                json!({
                    "message": reason, "source": "Magento2.Simulated.Finding", "severity": 10, "type": "ERROR",
                    "line": line + 1, "column": 1, "fixable": false,
                })
            })
            .collect();
        let files = match errors {
            0 => json!([]),
            _ => json!({"registration.php": {"errors": errors, "warnings": 0, "messages": messages}}),
        };
        json!({"totals": {"errors": errors, "warnings": 0}, "files": files})
    }

    /// Returns a result for each of these tools: this one for the named tool (default: `usual`), `passed` for the
    /// others.
    pub(crate) fn by_tools(self, tools: &[&str], usual: &str) -> Vec<(String, Self)> {
        let finder = self.tool.clone().unwrap_or_else(|| usual.to_owned());
        let mut runs: Vec<_> =
            tools.iter().filter(|tool| **tool != finder).map(|tool| ((*tool).to_owned(), Self::passed())).collect();
        runs.push((finder, self));
        runs
    }

    pub(crate) fn decision(&self) -> Decision {
        if self.passed { Decision::Approve } else { Decision::Reject }
    }
}

/// One run of one tool.
#[derive(Clone, Debug)]
pub(crate) struct TestRunEntry {
    pub(crate) id: ToolRunId,
    pub(crate) tool: String,
    pub(crate) finding: Finding,
    pub(crate) date: Timestamp,
}

impl TestRunEntry {
    /// Returns the item of the summary.
    pub(crate) fn as_summary(&self) -> Value {
        let status = if self.finding.passed { "pass" } else { "fail" };
        json!({"tool_run_id": self.id, "name": self.tool, "status": status, "date": self.date})
    }

    /// Returns the report: a list of reports for automated tools, one object for manual reviews, `None` for `phpcpd`.
    ///
    /// Each report repeats vendor and extension, which are the two parts of the SKU.
    pub(crate) fn as_report(&self, sku: &str, version: &str) -> Option<Value> {
        let (vendor, name) = sku.split_once('/').unwrap_or((sku, ""));
        let status = if self.finding.passed { "PASS" } else { "FAIL" };
        let output = if self.finding.passed { "hit".to_owned() } else { self.finding.reasons.join("\n") };
        let reports = match self.tool.as_str() {
            "phpcs" => json!([{
                "tool": self.tool, "vendor": vendor, "extension": name, "version": version, "date": self.date,
                "php_version": "8.3",
                "status": status,
                "details": self.finding.as_sniffs(),
            }]),
            "varnish" => json!([{
                "tool": self.tool, "vendor": vendor, "extension": name, "version": version, "date": self.date,
                "php_version": "8.3", "magento_edition": "CE", "magento_platform": "M2", "magento_version": "2.4.8",
                "status": status,
                "details": [{"command": "varnishtest catalog", "output": output}],
            }]),
            "phpcpd" => return None,
            _ => json!({
                "tool": self.tool, "vendor": vendor, "extension": name, "version": version, "date": self.date,
                "status": status,
                "details": {
                    "reasons": self.finding.reasons,
                    "message": self.finding.message,
                    "attachment": self.finding.attachment,
                },
            }),
        };
        Some(json!({
            "tool": self.tool,
            "vendor": vendor,
            "extension": name,
            "version": version,
            "status": status,
            "date": self.date,
            "reports": reports,
        }))
    }
}
