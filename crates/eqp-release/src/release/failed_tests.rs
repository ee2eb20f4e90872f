//! Reads why a review rejected a submission, from the reports of tools and reviewers.

use eqp_client::{Client, Error};
use eqp_types::{FailedReport, Flow, SubmissionId, TestReport, TestRun};
use serde::Serialize;

use super::progress::{Event, Progress};

/// A failed test of a tool or reviewer.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedTest {
    /// The tool: `phpcs`, `manual_qa`, `marketing`, …
    pub tool: String,
    /// The result.
    pub result: String,
    /// The reasons.
    pub reasons: Vec<FailureReasons>,
}

/// The reasons why a report did not pass.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureReasons {
    /// The tool and, if there is more than one, the environment.
    pub title: String,
    /// The reasons, one sentence each.
    pub sentences: Vec<String>,
}

/// A test run with its report.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReportedTest {
    /// The test run.
    pub test: TestRun,
    /// The reasons why it did not pass.
    pub reasons: Vec<FailureReasons>,
    /// The report, if there is one.
    pub report: Option<TestReport>,
}

/// Reads the report of a test run.
///
/// # Errors
/// The [errors of every call](eqp_client::Error#errors-of-every-call).
pub async fn reported_test(client: &Client, id: &SubmissionId, test: TestRun) -> Result<ReportedTest, Error> {
    let report = match (&test.tool_run_id, &test.name) {
        (Some(run), Some(name)) if test.has_report() => Some(client.test_results().report(id, name, run).await?),
        _ => None,
    };
    let failures = report.as_ref().map(TestReport::failures).unwrap_or_default();
    let reasons =
        failures.into_iter().map(|FailedReport { title, sentences }| FailureReasons { title, sentences }).collect();
    Ok(ReportedTest { test, reasons, report })
}

/// Returns the tools whose newest run did not pass. Reports that cannot be read are skipped.
pub(super) async fn failed_tests(
    client: &Client,
    id: &SubmissionId,
    flow: &Flow,
    progress: &mut dyn Progress,
) -> Vec<FailedTest> {
    let runs = match client.test_results().summary(id).await {
        Ok(runs) => TestRun::failed_of(flow, runs),
        Err(error) => {
            // The release has finished, so the caller cannot stop it any more.
            let _ = progress.report(Event::ResultsUnreadable(error));
            return Vec::new();
        }
    };
    let mut failed_tests = Vec::new();
    for run in runs {
        failed_tests.push(failed_test(client, id, run, progress).await);
    }
    failed_tests
}

async fn failed_test(client: &Client, id: &SubmissionId, run: TestRun, progress: &mut dyn Progress) -> FailedTest {
    let tool = run.name.clone().unwrap_or_else(|| "test".to_owned());
    let result = run.status.as_ref().map_or_else(|| "no result".to_owned(), ToString::to_string);
    let reasons = match reported_test(client, id, run).await {
        Ok(reported) => reported.reasons,
        Err(error) => {
            let _ = progress.report(Event::ReportUnreadable { tool: &tool, error });
            Vec::new()
        }
    };
    FailedTest { tool, result, reasons }
}
