//! `eqp packages report`.

use clap::Args;
use eqp_client::Client;
use eqp_types::{FailedReport, SubmissionId, TestReport, TestRun, TestStatus};
use serde::Serialize;
use serde_json::json;

use super::results::{results_of, table};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{readable, visible};

/// Show what the Marketplace's tests say against a package: the reasons first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages report s5w9k703ru             # why each test that did not pass did not
  eqp packages report s5w9k703ru phpcs       # one test: the reasons, then its whole report
  eqp packages report s5w9k703ru --json | jq -r '.reports[].reasons[].sentences[]'")]
pub(crate) struct Report {
    /// Its submission id
    submission_id: SubmissionId,
    /// One test, such as phpcs, varnish, marketing or manual_qa [default: those that did not pass]
    test: Option<String>,
}

/// A run with what it found.
#[derive(Serialize)]
pub(in crate::commands) struct Told {
    test: TestRun,
    /// Why it did not pass.
    pub(in crate::commands) reasons: Vec<Reasons>,
    report: Option<TestReport>,
}

/// Why a report did not pass.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Reasons {
    /// The tool and, where it ran in several, its environment.
    pub(in crate::commands) title: String,
    /// What it says.
    pub(in crate::commands) sentences: Vec<String>,
}

impl Report {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let id = &self.submission_id;
        let runs = results_of(&client, id).await?;
        let mut told = Vec::new();
        for run in self.wanted(&runs)? {
            told.push(tell(&client, id, run.clone()).await?);
        }
        if context.output.is_json() {
            return context.output.json(&json!({
                "environment": environment,
                "submission_id": id,
                "result": result(&runs),
                "tests": runs.len(),
                "passed": runs.iter().filter(|run| has_passed(run)).count(),
                "reports": told,
            }));
        }
        if runs.is_empty() {
            context.output.note(format_args!("no test of {id} has run yet in {environment}"));
            return Ok(());
        }
        if told.is_empty() {
            context.output.note(format_args!("every test of {id} in {environment} passed"));
            return context.output.line(table(&runs));
        }
        context.output.line(format_args!("{id} in {environment}"))?;
        told.iter().try_for_each(|told| self.print(context, told))
    }

    /// The runs asked for.
    fn wanted<'a>(&self, runs: &'a [TestRun]) -> Outcome<Vec<&'a TestRun>> {
        let Some(test) = &self.test else { return Ok(runs.iter().filter(|run| !has_passed(run)).collect()) };
        let found: Vec<_> = runs.iter().filter(|run| run.name.as_ref() == Some(test)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let names: Vec<_> = runs.iter().filter_map(|run| run.name.as_deref()).collect();
        let failure = Failure::new(Exit::NotFound, format!("no test `{test}` of {} has run", self.submission_id));
        Err(match names.as_slice() {
            [] => failure.why("no test has run yet"),
            names => failure.next(format!("those that ran: {}", visible(&names.join(", ")))),
        })
    }

    fn print(&self, context: &Context, told: &Told) -> Outcome {
        let run = &told.test;
        let name = &visible(run.name.as_deref().unwrap_or("test"));
        let status =
            run.status.as_ref().map_or_else(|| "without a result".into(), |status| visible(&status.to_string()));
        let date = run.date.map(|date| format!(", {date} UTC")).unwrap_or_default();
        context.output.line(format_args!("\n{name}: {status}{date}"))?;
        for reasons in &told.reasons {
            if reasons.title != *name {
                context.output.line(format_args!("  {}", visible(&reasons.title)))?;
            }
            reasons
                .sentences
                .iter()
                .try_for_each(|sentence| context.output.line(format_args!("    {}", visible(sentence))))?;
        }
        match &told.report {
            None => {
                context.output.note(format_args!("  the Marketplace gives no report of {name}"));
                Ok(())
            }
            Some(report) if self.test.is_some() => {
                let whole = serde_json::to_value(report).unwrap_or_default();
                context.output.line(format_args!("\n{}", readable(&whole)))
            }
            Some(_) => {
                context
                    .output
                    .note(format_args!("  the whole report: eqp packages report {} {name}", self.submission_id));
                Ok(())
            }
        }
    }
}

/// Whether there is anything to object to; that nothing has run yet is no good sign.
fn result(runs: &[TestRun]) -> &'static str {
    match runs {
        [] => "nothing_ran",
        runs if runs.iter().all(has_passed) => "passed",
        _ => "not_passed",
    }
}

fn has_passed(run: &TestRun) -> bool {
    run.status.as_ref().is_some_and(TestStatus::has_passed)
}

/// Reads what a run found.
pub(in crate::commands) async fn tell(client: &Client, id: &SubmissionId, test: TestRun) -> Outcome<Told> {
    let report = match (&test.tool_run_id, &test.name) {
        (Some(run), Some(name)) if test.has_report() => Some(client.test_results().report(id, name, run).await?),
        _ => None,
    };
    let failures = report.as_ref().map(TestReport::failures).unwrap_or_default();
    let reasons = failures.into_iter().map(|FailedReport { title, sentences }| Reasons { title, sentences }).collect();
    Ok(Told { test, reasons, report })
}
