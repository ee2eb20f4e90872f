//! Output formats of a report: JSON, SARIF, JUnit XML, GitHub annotations, Markdown, and the code quality report of GitLab.
//!
//! ```no_run
//! use eqp_check::{Check, format};
//!
//! let report = Check::new().run("badges-1.2.0.zip".as_ref())?;
//! println!("{}", format::json(&report));
//! println!("{}", format::sarif(&report, Some("release.toml")));
//! println!("{}", format::github(&report, Some("release.toml")));
//! println!("{}", format::code_quality(&report, Some("release.toml")));
//! println!("{}", format::markdown(&report));
//! let strict = true;
//! println!("{}", format::junit(&report, strict));
//! # Ok::<(), eqp_check::Error>(())
//! ```

mod code_quality;
mod junit;
mod markdown;
mod sarif;

use std::fmt::Write;

use serde_json::{Value, json};

pub use code_quality::code_quality;
pub use junit::junit;
pub use markdown::markdown;
pub use sarif::sarif;

use crate::registry::Severity;
use crate::report::{CheckResult, Location, Report};

/// Converts the report to a JSON object.
pub fn json(report: &Report) -> Value {
    let mut object = serde_json::to_value(report).expect("a report consists of texts and numbers");
    object["passed"] = json!(report.result() == CheckResult::Passed);
    object["result"] = json!(report.result());
    object
}

/// Formats the report as GitHub workflow commands, one per line: an annotation for each finding, and for each blocking rule that did not
/// run. `manifest` is the file of the fields, if there is one.
pub fn github(report: &Report, manifest: Option<&str>) -> String {
    let mut lines = String::new();
    for finding in &report.findings {
        let command = if finding.severity == Severity::Blocking { "error" } else { "warning" };
        let location = match &finding.location {
            Location::File { name, line: Some(line) } => format!("file={},line={line},", property(name)),
            Location::File { name, line: None } => format!("file={},", property(name)),
            Location::Field { .. } => {
                manifest.map_or_else(String::new, |manifest| format!("file={},", property(manifest)))
            }
            Location::Archive => String::new(),
        };
        let field = match &finding.location {
            Location::Field { name: field } => format!("{field}: "),
            _ => String::new(),
        };
        let message = data(&format!("{field}{}. {} {}", finding.message, finding.rule.description, finding.remedy));
        // Writing to a `String` cannot fail.
        let _ = writeln!(lines, "::{command} {location}title={}::{message}", property(finding.rule.id));
    }
    for not_run in report.unchecked() {
        let message =
            data(&format!("{} did not run: {}. {}", not_run.rule.id, not_run.reason, not_run.rule.description));
        let _ = writeln!(lines, "::warning title={}::{message}", property(not_run.rule.id));
    }
    lines
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
