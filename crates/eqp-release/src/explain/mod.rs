//! Explains why the store rejected a version: groups the findings of its reports, adds cause and remedy from the catalogue of reasons, and
//! compares them with a check of the archive.

mod found;
mod group;

use std::collections::{BTreeMap, BTreeSet};

use eqp_check::Report;
use eqp_client::{Client, Error};
use eqp_types::{EqpStatus, Package, SubmissionId, TestReport, TestRun, TestStatus, Timestamp};
use serde::Serialize;

pub use self::found::FoundBefore;
pub use self::group::{FoundPlace, ReasonGroup, groups_of};

/// The explanation of a rejection.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Explanation {
    /// The ID of the submission.
    pub submission_id: Option<SubmissionId>,
    /// The SKU.
    pub sku: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// The status of each flow.
    pub status: Option<EqpStatus>,
    /// The time of the newest test that did not pass.
    pub date: Option<Timestamp>,
    /// The reasons, in the order of the tests.
    pub groups: Vec<ReasonGroup>,
    /// The tests that passed.
    pub passed: Vec<String>,
    /// The tests whose reports cannot be read, with the reason.
    pub unreadable: Vec<UnreadableReport>,
}

/// A report that cannot be read.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UnreadableReport {
    /// The tool.
    pub tool: String,
    /// The reason.
    pub reason: String,
}

impl Explanation {
    /// Creates an explanation from groups of findings.
    pub fn of_groups(groups: Vec<ReasonGroup>) -> Self {
        Self { groups, ..Self::default() }
    }

    /// Compares the reasons with a check of the archive of this version.
    pub fn compare(&mut self, report: &Report) {
        for group in &mut self.groups {
            group.compare(Some(report));
        }
    }

    /// Returns the places in files, to read their source code.
    pub fn places(&self) -> BTreeSet<(String, u32)> {
        let places = self.groups.iter().flat_map(|group| &group.places);
        places.filter_map(|place| Some((place.file.clone()?, place.line?))).collect()
    }

    /// Adds lines of source code.
    pub fn add_code(&mut self, lines: &BTreeMap<(String, u32), String>) {
        for place in self.groups.iter_mut().flat_map(|group| &mut group.places) {
            if let (Some(file), Some(line)) = (&place.file, place.line) {
                place.code = lines.get(&(file.clone(), line)).cloned();
            }
        }
    }
}

/// Reads the test results of a submission and explains those that did not pass. At most one request per failed tool, and one more.
///
/// # Errors
/// The [errors of every call](eqp_client::Error#errors-of-every-call). A report that cannot be read is part of the explanation.
pub async fn explain(client: &Client, package: &Package, id: &SubmissionId) -> Result<Explanation, Error> {
    let runs = client.test_results().summary(id).await?;
    let newest = TestRun::newest(runs);
    let has_passed = |run: &TestRun| run.status.as_ref().is_some_and(TestStatus::has_passed);
    let (passed, failed): (Vec<_>, Vec<_>) = newest.into_iter().partition(has_passed);
    let mut explanation = Explanation {
        submission_id: Some(id.clone()),
        sku: package.sku.as_ref().map(ToString::to_string),
        version: package.version.clone(),
        status: package.eqp_status.clone(),
        date: failed.iter().filter_map(|run| run.date).max(),
        groups: Vec::new(),
        passed: passed.into_iter().filter_map(|run| run.name).collect(),
        unreadable: Vec::new(),
    };
    for run in failed {
        let tool = run.name.clone().unwrap_or_else(|| "test".to_owned());
        let report = match (&run.tool_run_id, run.has_report()) {
            (Some(run_id), true) => match client.test_results().report(id, &tool, run_id).await {
                Ok(report) => report,
                Err(error) => {
                    explanation.unreadable.push(UnreadableReport { tool, reason: error.to_string() });
                    continue;
                }
            },
            _ => TestReport { tool: Some(tool.clone()), status: run.status.clone(), ..TestReport::default() },
        };
        explanation.groups.extend(groups_of(&tool, &report));
    }
    Ok(explanation)
}
