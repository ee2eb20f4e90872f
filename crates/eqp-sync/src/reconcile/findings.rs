//! The reasons for rejections, which reconciliation reads once for each version of a submission, so that messages can contain them.

use std::collections::BTreeSet;

use eqp_client::Client;
use eqp_store::internal::ResourceDetail;
use eqp_types::{FailedReport, Flow, SubmissionId, TestReport, TestRun};
use serde_json::{Value, json};

use super::call::call;
use super::error::{ReconcileError, Result};
use super::response::ResourceResponse;

/// The largest number of submissions whose reasons one run reads. The next run reads the others.
const MAX_SUBMISSIONS: usize = 20;
/// The largest number of reports of one submission.
const MAX_REPORTS: usize = 10;
/// The largest number of stored reasons, and the largest size of all of them in bytes.
const MAX_FINDINGS: usize = 100;
const MAX_BYTES: usize = 16 * 1024;

/// The number of submissions whose reasons a run may still read.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_SUBMISSIONS)
    }
}

impl Budget {
    /// Returns whether another submission may be read, and counts it.
    fn take(&mut self) -> bool {
        let may_read = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        may_read
    }

    fn end(&mut self) {
        self.0 = 0;
    }
}

/// Reads why a submission is rejected, as the stored JSON. Returns `None` if it is not rejected, or if the reasons cannot be read now.
pub(super) async fn read(client: &Client, response: &ResourceResponse, budget: &mut Budget) -> Option<String> {
    let flows = rejected_flows(response);
    let id = SubmissionId::new(response.report.resource_id.clone()).ok()?;
    if flows.is_empty() || !budget.take() {
        return None;
    }
    match of_submission(client, &id, &flows).await {
        Ok(findings) => Some(json!({ "findings": findings }).to_string()),
        Err(error) => {
            // Details are not essential. The next run tries again.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, submission_id = %id, "cannot read the reasons of a rejection");
            budget.end();
            None
        }
    }
}

/// Returns whether the reasons were read for the version of the submission in a response.
pub(super) fn are_read(known: &ResourceDetail, response: &ResourceResponse) -> bool {
    let details = known.details.as_deref().and_then(|details| serde_json::from_str::<Value>(details).ok());
    known.modified_at == response.report.modified_at && details.is_some_and(|details| details.get("findings").is_some())
}

/// Returns the flows of a submission that are rejected.
fn rejected_flows(response: &ResourceResponse) -> Vec<Flow> {
    let rejected = response
        .report
        .statuses
        .iter()
        .filter(|(flow, status)| matches!(flow, Flow::Technical | Flow::Marketing) && status == "rejected");
    rejected.map(|(flow, _)| flow.clone()).collect()
}

async fn of_submission(client: &Client, id: &SubmissionId, flows: &[Flow]) -> Result<Vec<String>> {
    let runs = call(client.test_results().summary(id)).await?;
    let failed = flows.iter().flat_map(|flow| TestRun::failed_of(flow, runs.clone()));
    let mut findings = Vec::new();
    for run in failed.take(MAX_REPORTS) {
        let tool = run.name.clone().unwrap_or_else(|| "test".to_owned());
        let (true, Some(run_id)) = (run.has_report(), &run.tool_run_id) else {
            findings.push(format!("{}: failed, without a report", tool_in_words(&tool)));
            continue;
        };
        let report = match call(client.test_results().report(id, &tool, run_id)).await {
            Err(ReconcileError::Marketplace(error)) if error.is_not_found() => {
                findings.push(format!("{}: failed; its report does not exist", tool_in_words(&tool)));
                continue;
            }
            report => report?,
        };
        findings.extend(of_report(&tool, &report));
    }
    Ok(bounded(findings))
}

/// Returns the reasons in a report. Those that are the same in several environments occur once.
fn of_report(tool: &str, report: &TestReport) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for FailedReport { sentences, .. } in report.failures() {
        for sentence in sentences {
            if seen.insert(sentence.clone()) {
                findings.push(format!("{}: {sentence}", tool_in_words(tool)));
            }
        }
    }
    findings
}

/// Returns the name of a tool of the Marketplace in words.
pub fn tool_in_words(tool: &str) -> String {
    match tool {
        "phpcs" => "Code sniffer".to_owned(),
        "phpcpd" => "Copy-paste detector".to_owned(),
        "varnish" => "Varnish".to_owned(),
        "marketing" => "Marketing review".to_owned(),
        "manual_qa" => "Manual QA".to_owned(),
        other => other.chars().filter(|letter| !letter.is_control()).take(40).collect(),
    }
}

/// Returns the first findings. NUL, which Postgres cannot store, has been removed from reports.
fn bounded(findings: Vec<String>) -> Vec<String> {
    let mut size = 0;
    let fits = |finding: &String| {
        size += finding.len();
        size <= MAX_BYTES
    };
    findings.into_iter().take(MAX_FINDINGS).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_the_same_in_several_environments_occurs_once() {
        let sniff = |php: &str| {
            json!({"php_version": php, "status": "FAIL", "details": {"files": {"a.php": {"messages": [
            {"message": "Use of eval() is discouraged", "type": "ERROR", "line": 118}]}}}})
        };
        let report = json!({"tool": "phpcs", "status": "FAIL", "reports": [sniff("8.3"), sniff("8.4")]});
        let report: TestReport = serde_json::from_value(report).unwrap();
        assert_eq!(of_report("phpcs", &report), ["Code sniffer: a.php:118: Use of eval() is discouraged"]);
    }

    #[test]
    fn the_reasons_are_bounded() {
        assert_eq!(bounded(vec!["x".to_owned(); 1_000]).len(), MAX_FINDINGS);
        assert_eq!(bounded(vec!["x".repeat(5_000); 10]).len(), 3);
    }
}
