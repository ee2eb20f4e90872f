//! Results of the Marketplace's tests: `/rest/v1/products/packages/{submission_id}/status`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Extra, TestStatus, Timestamp, ToolRunId, lenient};

/// One line of the summary of a submission's tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestRun {
    /// The run; its report is asked for by it.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub tool_run_id: Option<ToolRunId>,
    /// The tool: `phpcs`, `phpcpd`, `varnish`, `marketing`, `manual_qa`, and others.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How it ended.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub status: Option<TestStatus>,
    /// When.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The report of one run of one tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// The tool.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// `PASS` only if each of the reports is.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub status: Option<TestStatus>,
    /// When.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// A list for automated tools, one bare object for `marketing` and `manual_qa`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub reports: Value,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Extra,
}
