//! `eqp packages report`: shows why tests of a package failed.

use clap::Args;
use eqp_release::{ReportedTest, reported_test};
use eqp_types::{Environment, SubmissionId, TestRun, TestStatus};
use serde::Serialize;

use super::show::{find, results_of, table};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{escaped, readable};

/// Show why tests of a package failed
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages report s5w9k703ru             # the reasons of all failed tests
  eqp packages report s5w9k703ru phpcs       # one test with its report
  eqp packages report s5w9k703ru --json \\
      | jq -r '.reports[].reasons[].sentences[]'")]
pub(crate) struct Report {
    /// Submission ID of the package, or your own item ID
    id: SubmissionId,
    /// Test to show, such as phpcs, varnish, marketing or manual_qa [default: all that did not pass]
    test: Option<String>,
}

/// The test results of a package as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TestSummary<'a> {
    /// The environment.
    environment: Environment,
    /// The ID of the submission.
    submission_id: &'a SubmissionId,
    /// The result of all tests.
    result: TestsResult,
    /// The number of tests that have run.
    tests: usize,
    /// The number of tests that passed.
    passed: usize,
    /// The requested reports; without a request, those of all tests that did not pass.
    reports: &'a [ReportedTest],
}

/// The result of all tests.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum TestsResult {
    /// No test has run yet.
    NothingRan,
    /// All tests that have run passed.
    Passed,
    /// A test did not pass, or has no result yet.
    NotPassed,
}

impl Report {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let package = find(&client, &self.id).await?;
        let id = package.submission_id.as_ref().unwrap_or(&self.id);
        let runs = results_of(&client, id).await?;
        let mut reported = Vec::new();
        for run in self.wanted(&runs)? {
            reported.push(reported_test(&client, id, run.clone()).await?);
        }
        if context.output.is_json() {
            return context.output.json(&TestSummary {
                environment,
                submission_id: id,
                result: result(&runs),
                tests: runs.len(),
                passed: runs.iter().filter(|run| has_passed(run)).count(),
                reports: &reported,
            });
        }
        if runs.is_empty() {
            context.output.note(format_args!("no test of {id} has run yet in {environment}"));
            return Ok(());
        }
        if reported.is_empty() {
            context.output.note(format_args!("every test of {id} in {environment} passed"));
            return context.output.line(table(&runs));
        }
        context.output.line(format_args!("{id} in {environment}"))?;
        reported.iter().try_for_each(|reported| self.print(context, reported))
    }

    /// Returns the selected test runs.
    fn wanted<'a>(&self, runs: &'a [TestRun]) -> Result<Vec<&'a TestRun>> {
        let Some(test) = &self.test else { return Ok(runs.iter().filter(|run| !has_passed(run)).collect()) };
        let found: Vec<_> = runs.iter().filter(|run| run.name.as_ref() == Some(test)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let names: Vec<_> = runs.iter().filter_map(|run| run.name.as_deref()).collect();
        let failure = Failure::new(Exit::NotFound, format!("no test `{test}` of {} has run", self.id));
        Err(match names.as_slice() {
            [] => failure.why("no test has run yet"),
            names => failure.next(format!("tests that ran: {}", escaped(&names.join(", ")))),
        })
    }

    fn print(&self, context: &Context, reported: &ReportedTest) -> Result {
        let run = &reported.test;
        let name = &escaped(run.name.as_deref().unwrap_or("test"));
        let status = run.status.as_ref().map_or_else(|| "without a result".into(), |status| escaped(status.as_ref()));
        let date = run.date.map(|date| format!(", {date} UTC")).unwrap_or_default();
        context.output.line(format_args!("\n{name}: {status}{date}"))?;
        for reasons in &reported.reasons {
            if reasons.title != *name {
                context.output.line(format_args!("  {}", escaped(&reasons.title)))?;
            }
            reasons
                .sentences
                .iter()
                .try_for_each(|sentence| context.output.line(format_args!("    {}", escaped(sentence))))?;
        }
        match &reported.report {
            None => {
                context.output.note(format_args!("  the Marketplace has no report for {name}"));
                Ok(())
            }
            Some(report) if self.test.is_some() => {
                let whole = serde_json::to_value(report).map_err(|error| {
                    Failure::new(Exit::Failed, format!("the report of {name} cannot be shown")).because(&error)
                })?;
                context.output.line(format_args!("\n{}", readable(&whole)))
            }
            Some(_) => {
                context.output.note(format_args!("  full report: eqp packages report {} {name}", self.id));
                Ok(())
            }
        }
    }
}

/// Returns the overall result: whether a test failed, all passed, or none has run yet.
fn result(runs: &[TestRun]) -> TestsResult {
    match runs {
        [] => TestsResult::NothingRan,
        runs if runs.iter().all(has_passed) => TestsResult::Passed,
        _ => TestsResult::NotPassed,
    }
}

fn has_passed(run: &TestRun) -> bool {
    run.status.as_ref().is_some_and(TestStatus::has_passed)
}
