//! Why a review said no: read from the reports of the tools and the reviewer.

use eqp_types::{Flow, SubmissionId, TestRun};

use super::Run;
use crate::commands::packages::{Reasons, results_of, tell};
use crate::failure::Outcome;

/// What one tool or reviewer says.
#[derive(Debug, serde::Serialize)]
pub(super) struct Objection {
    /// The tool: `phpcs`, `manual_qa`, `marketing`, …
    pub(super) tool: String,
    /// Its result.
    pub(super) result: String,
    /// What it says.
    pub(super) reasons: Vec<Reasons>,
}

impl Run<'_> {
    /// What the newest run of each tool says that did not pass. Reports that cannot be had do not hide the others.
    pub(super) async fn objections(&self, flow: &Flow) -> Outcome<Vec<Objection>> {
        let Some(id) = self.submission.as_ref().and_then(|package| package.submission_id.as_ref()) else {
            return Ok(Vec::new());
        };
        let runs = match results_of(&self.client, id).await {
            Ok(runs) => newest(runs),
            Err(failure) => {
                self.progress.note(&format!("the results of the tests cannot be read:\n{failure}"));
                return Ok(Vec::new());
            }
        };
        let mut objections = Vec::new();
        for run in runs.into_iter().filter(|run| objects(run) && is_of(run, flow)) {
            objections.push(self.objection(id, run).await);
        }
        Ok(objections)
    }

    async fn objection(&self, id: &SubmissionId, run: TestRun) -> Objection {
        let tool = run.name.clone().unwrap_or_else(|| "test".to_owned());
        let result = run.status.as_ref().map_or_else(|| "no result".to_owned(), ToString::to_string);
        let reasons = match tell(&self.client, id, run).await {
            Ok(told) => told.reasons,
            Err(failure) => {
                self.progress.note(&format!("the report of {tool} cannot be read:\n{failure}"));
                Vec::new()
            }
        };
        Objection { tool, result, reasons }
    }
}

/// A package that was submitted more than once has results of each time: of each tool the last one counts.
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

fn objects(run: &TestRun) -> bool {
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

impl std::fmt::Display for Objection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.tool, self.result)?;
        for reasons in &self.reasons {
            if reasons.title != self.tool {
                write!(f, "\n  {}", reasons.title)?;
            }
            reasons.sentences.iter().try_for_each(|sentence| write!(f, "\n    {sentence}"))?;
        }
        Ok(())
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
        let objecting: Vec<_> = newest(runs).into_iter().filter(objects).filter_map(|run| run.name).collect();
        assert_eq!(objecting, ["astrology"]);
    }
}
