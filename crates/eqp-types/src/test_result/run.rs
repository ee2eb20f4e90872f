//! The summary of one test run.

use serde::{Deserialize, Serialize};

use crate::{Extra, Flow, TestStatus, Timestamp, ToolRunId, lenient};

/// One test run in the summary of a submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::as_received_except(&[])))]
#[serde(from = "Extra")]
pub struct TestRun {
    /// The ID of the run, which is needed to read its report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_run_id: Option<ToolRunId>,
    /// The tool: `phpcs`, `phpcpd`, `varnish`, `marketing`, `manual_qa`, and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TestStatus>,
    /// The time of the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl TestRun {
    /// Returns whether the run has a report. According to the documentation, the copy-paste detector `phpcpd` only has a summary.
    pub fn has_report(&self) -> bool {
        self.tool_run_id.is_some() && self.name.as_deref().is_some_and(|name| name != "phpcpd")
    }
}

impl TestRun {
    /// Selects the newest run of each tool. A package that was submitted more than once has several runs of a tool.
    pub fn newest(runs: Vec<Self>) -> Vec<Self> {
        let mut newest: Vec<Self> = Vec::new();
        for run in runs {
            match newest.iter_mut().find(|other| other.name == run.name) {
                Some(other) if other.date <= run.date => *other = run,
                Some(_) => {}
                None => newest.push(run),
            }
        }
        newest
    }

    /// Selects the newest run of each tool, and of these the runs of a flow that did not pass.
    pub fn failed_of(flow: &Flow, runs: Vec<Self>) -> Vec<Self> {
        let has_passed = |run: &Self| run.status.as_ref().is_some_and(TestStatus::has_passed);
        Self::newest(runs).into_iter().filter(|run| !has_passed(run) && run.is_of(flow)).collect()
    }

    fn is_of(&self, flow: &Flow) -> bool {
        let is_marketing = self.name.as_deref() == Some("marketing");
        match flow {
            Flow::Marketing => is_marketing,
            Flow::Technical => !is_marketing,
            _ => true,
        }
    }
}

impl From<Extra> for TestRun {
    fn from(mut fields: Extra) -> Self {
        Self {
            tool_run_id: lenient::take(&mut fields, "tool_run_id"),
            name: lenient::take_text(&mut fields, "name"),
            status: lenient::take(&mut fields, "status"),
            date: lenient::take(&mut fields, "date"),
            extra: fields,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_documented_summary() {
        let run: TestRun = serde_json::from_str(
            r#"{"tool_run_id": "6", "name": "marketing", "status": "fail", "date": "2020-01-08 16:57:55"}"#,
        )
        .unwrap();
        assert_eq!((run.tool_run_id.as_ref().unwrap().as_str(), run.has_report()), ("6", true));
        assert!(run.status.unwrap().has_failed());
        assert_eq!(run.date.unwrap().to_string(), "2020-01-08 16:57:55");
    }

    #[test]
    fn an_id_may_be_a_number_and_the_copy_paste_detector_has_no_report() {
        let run: TestRun = serde_json::from_str(r#"{"tool_run_id": 5, "name": "phpcpd", "status": "pass"}"#).unwrap();
        assert_eq!((run.tool_run_id.as_ref().unwrap().as_str(), run.has_report()), ("5", false));
    }

    #[test]
    fn of_each_tool_the_last_run_counts() {
        let run = |tool: &str, status: &str, date: &str| -> TestRun {
            let json = serde_json::json!({"tool_run_id": date, "name": tool, "status": status, "date": date});
            serde_json::from_value(json).unwrap()
        };
        let runs = vec![
            run("phpcs", "fail", "2026-01-01 10:00:00"),
            run("marketing", "pass", "2026-01-03 10:00:00"),
            run("phpcs", "pass", "2026-01-02 10:00:00"),
            run("marketing", "fail", "2026-01-02 10:00:00"),
            run("astrology", "retrograde", "2026-01-02 10:00:00"),
        ];
        let failed = TestRun::failed_of(&Flow::Technical, runs.clone());
        assert_eq!(failed.into_iter().filter_map(|run| run.name).collect::<Vec<_>>(), ["astrology"]);
        assert_eq!(TestRun::failed_of(&Flow::Marketing, runs), []);
    }

    #[test]
    fn what_cannot_be_read_is_written_back_as_it_came() {
        let json = serde_json::json!({"tool_run_id": null, "name": ["a"], "status": "", "date": "soon", "shelf": 3});
        let run: TestRun = serde_json::from_value(json.clone()).unwrap();
        assert_eq!((&run.name, &run.date), (&None, &None));
        assert_eq!(serde_json::to_value(run).unwrap(), json);
    }
}
