//! The report of one test run.

use std::slice;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::details::TestDetails;
use crate::{Extra, TestStatus, Timestamp, lenient};

/// The report of one test run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::as_received_except(&[])))]
#[serde(from = "Extra")]
pub struct TestReport {
    /// The tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The overall result: `PASS` only if all reports have passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TestStatus>,
    /// The time of the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// The individual reports, for example one per environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reports: Option<Reports>,
    /// Fields that are not documented here, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The individual reports: a list for automated tools, a single object for `marketing` and `manual_qa`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
#[non_exhaustive]
pub enum Reports {
    /// A single object.
    One(Box<SingleReport>),
    /// A list with one report per environment.
    List(Vec<SingleReport>),
    /// An undocumented format, unchanged.
    Unknown(Value),
}

impl Reports {
    fn read(value: Value, tool: Option<&str>) -> Self {
        match value {
            Value::Object(fields) => Self::One(Box::new(SingleReport::read(fields, tool))),
            Value::Array(items) if items.iter().all(Value::is_object) => Self::List(
                items
                    .into_iter()
                    .filter_map(|item| match item {
                        Value::Object(fields) => Some(SingleReport::read(fields, tool)),
                        _ => None,
                    })
                    .collect(),
            ),
            other => Self::Unknown(other),
        }
    }

    /// Returns the reports as a slice, regardless of their format.
    pub fn as_slice(&self) -> &[SingleReport] {
        match self {
            Self::One(report) => slice::from_ref(report),
            Self::List(reports) => reports,
            Self::Unknown(_) => &[],
        }
    }
}

/// The report of a tool for one environment, or of one reviewer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::as_received_except(&[])))]
pub struct SingleReport {
    /// The tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The first part of the SKU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The second part of the SKU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// The version of the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The PHP version of an automated tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub php_version: Option<String>,
    /// The platform (`M1` or `M2`), reported by `varnish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub magento_platform: Option<String>,
    /// The edition (`CE` or `EE`), reported by `varnish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub magento_edition: Option<String>,
    /// The Magento version that the package was installed in, reported by `varnish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub magento_version: Option<String>,
    /// The result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TestStatus>,
    /// The time of the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// The details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<TestDetails>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl SingleReport {
    /// Reads a report. `tool` is the tool of the enclosing report, in case this one does not name it.
    fn read(mut fields: Extra, tool: Option<&str>) -> Self {
        let own_tool = lenient::take_text(&mut fields, "tool");
        let details = lenient::take_value(&mut fields, "details");
        Self {
            vendor: lenient::take_text(&mut fields, "vendor"),
            extension: lenient::take_text(&mut fields, "extension"),
            version: lenient::take_text(&mut fields, "version"),
            php_version: lenient::take_text(&mut fields, "php_version"),
            magento_platform: lenient::take_text(&mut fields, "magento_platform"),
            magento_edition: lenient::take_text(&mut fields, "magento_edition"),
            magento_version: lenient::take_text(&mut fields, "magento_version"),
            status: lenient::take(&mut fields, "status"),
            date: lenient::take(&mut fields, "date"),
            details: details.map(|details| TestDetails::read(own_tool.as_deref().or(tool), details)),
            tool: own_tool,
            extra: fields,
        }
    }
}

impl From<Extra> for TestReport {
    fn from(mut fields: Extra) -> Self {
        let tool = lenient::take_text(&mut fields, "tool");
        let reports = lenient::take_value(&mut fields, "reports");
        Self {
            status: lenient::take(&mut fields, "status"),
            date: lenient::take(&mut fields, "date"),
            reports: reports.map(|reports| Reports::read(reports, tool.as_deref())),
            tool,
            extra: fields,
        }
    }
}

impl TestReport {
    /// Returns the individual reports, regardless of their format.
    pub fn reports(&self) -> &[SingleReport] {
        self.reports.as_ref().map_or(&[], Reports::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &Value) -> TestReport {
        let report: TestReport = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&report).unwrap(), *json, "written back with a loss");
        report
    }

    #[test]
    fn a_review_by_people_is_one_bare_object() {
        let report = read(&json!({"tool": "manual_qa", "status": "FAIL", "reports": {
            "tool": "manual_qa", "vendor": "acme", "extension": "one-click-checkout", "version": "1.1.5",
            "status": "FAIL", "date": "2020-01-14 07:21:57",
            "details": {"reasons": ["Tech: a feature is missing."], "message": "See it.", "attachment": "https://a.example/x.zip"},
        }}));
        assert!(matches!(report.reports, Some(Reports::One(_))));
        let Some(TestDetails::Review(review)) = &report.reports()[0].details else { panic!("{report:?}") };
        assert_eq!(review.reasons, ["Tech: a feature is missing."]);
        assert_eq!(review.message.as_deref(), Some("See it."));
        assert_eq!(review.attachment.as_deref(), Some("https://a.example/x.zip"));
    }

    #[test]
    fn the_code_sniffer_reports_once_for_each_version_of_php() {
        let file = "/eqp/acme-one-click-checkout-1.1.5/registration.php";
        let report = read(&json!({"tool": "phpcs", "status": "FAIL", "reports": [
            {"tool": "phpcs", "php_version": "7.1.16", "status": "FAIL", "details": {
                "totals": {"errors": 1, "warnings": 0, "fixable": 0},
                "files": {file: {"errors": 1, "warnings": 0, "messages": [{
                    "message": "\"resource\" is a reserved word", "source": "MEQP2.NamingConventions", "severity": 10,
                    "type": "ERROR", "line": 3, "column": 36, "fixable": false}]}}}},
            {"tool": "phpcs", "php_version": "5.6.38", "status": "PASS", "details": {
                "totals": {"errors": 0, "warnings": 0, "fixable": 0}, "files": []}},
        ]}));
        let [failed, passed] = report.reports() else { panic!("{report:?}") };
        let Some(TestDetails::CodeSniffer(found)) = &failed.details else { panic!("{failed:?}") };
        assert_eq!(found.totals.as_ref().unwrap().errors, Some(1));
        let message = &found.files[file].messages[0];
        assert_eq!((message.line, message.column, message.fixable), (Some(3), Some(36), Some(false)));
        assert!(passed.status.as_ref().unwrap().has_passed());
        assert!(matches!(&passed.details, Some(TestDetails::CodeSniffer(found)) if found.files.is_empty()));
    }

    #[test]
    fn varnish_reports_the_commands_that_ran() {
        let report = read(&json!({"tool": "varnish", "status": "FAIL", "reports": [{
            "magento_platform": "M2", "magento_edition": "CE", "magento_version": "2.2.3", "php_version": "7.1.16",
            "details": [{"command": "composer require", "output": "done"}, {"command": "setup:upgrade", "output": "no"}],
        }]}));
        let Some(TestDetails::Commands(commands)) = &report.reports()[0].details else { panic!("{report:?}") };
        assert_eq!(commands[1].command.as_deref(), Some("setup:upgrade"));
    }

    #[test]
    fn the_report_names_the_tool_for_reports_that_do_not() {
        let report = read(&json!({"tool": "marketing", "reports": {"details": {"reasons": ["no"]}}}));
        assert!(matches!(report.reports()[0].details, Some(TestDetails::Review(_))));
    }

    #[test]
    fn an_unknown_tool_and_unknown_shapes_are_kept_whole() {
        for json in [
            json!({"tool": "phpstan", "status": "FAIL", "reports": [{"level": 9, "details": {"reasons": {"a": 1}}}]}),
            json!({"tool": "phpcs", "reports": [{"details": "see elsewhere"}]}),
            json!({"tool": "varnish", "reports": [{"details": ["one", 2]}]}),
            json!({"tool": "marketing", "reports": {"details": {"points": 3}}}),
        ] {
            let report = read(&json);
            assert!(matches!(report.reports()[0].details, Some(TestDetails::Unknown(_))), "{report:?}");
        }
        assert!(matches!(read(&json!({"tool": "phpcs", "reports": [1, {}]})).reports, Some(Reports::Unknown(_))));
        assert_eq!(read(&json!({"tool": ["phpcs"], "status": null, "reports": []})).reports(), []);
    }
}
