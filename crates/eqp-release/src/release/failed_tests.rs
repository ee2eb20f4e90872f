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
        Ok(runs) => newest(runs),
        Err(error) => {
            // The release has finished, so the caller cannot stop it any more.
            let _ = progress.report(Event::ResultsUnreadable(error));
            return Vec::new();
        }
    };
    let mut failed_tests = Vec::new();
    for run in runs.into_iter().filter(|run| has_not_passed(run) && is_of(run, flow)) {
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

/// Returns the newest run of each tool. A package that was submitted more than once has several.
fn newest(runs: Vec<TestRun>) -> Vec<TestRun> {
    let mut kept: Vec<TestRun> = Vec::new();
    for run in runs {
        match kept.iter_mut().find(|other| other.name == run.name) {
            Some(other) if other.date <= run.date => *other = run,
            Some(_) => {}
            None => kept.push(run),
        }
    }
    kept
}

fn has_not_passed(run: &TestRun) -> bool {
    !run.status.as_ref().is_some_and(eqp_types::TestStatus::has_passed)
}

fn is_of(run: &TestRun, flow: &Flow) -> bool {
    let is_marketing = run.name.as_deref() == Some("marketing");
    match flow {
        Flow::Marketing => is_marketing,
        Flow::Technical => !is_marketing,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_each_tool_the_last_run_counts() {
        let run = |tool: &str, status: &str, date: &str| -> TestRun {
            serde_json::from_value(json!({"tool_run_id": date, "name": tool, "status": status, "date": date})).unwrap()
        };
        let runs = vec![
            run("phpcs", "fail", "2026-01-01 10:00:00"),
            run("marketing", "pass", "2026-01-03 10:00:00"),
            run("phpcs", "pass", "2026-01-02 10:00:00"),
            run("marketing", "fail", "2026-01-02 10:00:00"),
            run("astrology", "retrograde", "2026-01-02 10:00:00"),
        ];
        let objecting: Vec<_> = newest(runs).into_iter().filter(has_not_passed).filter_map(|run| run.name).collect();
        assert_eq!(objecting, ["astrology"]);
    }
}
