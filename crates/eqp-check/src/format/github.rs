//! Annotations of GitHub's CI: one command a line, read from standard output.

use std::fmt::Write;

use crate::book::Tier;
use crate::report::{Place, Report};

/// One annotation for each finding, and for each rule that could have blocked and did not run. `manifest` is the file that fields are in, if one was read.
pub fn github(report: &Report, manifest: Option<&str>) -> String {
    let mut lines = String::new();
    for finding in &report.findings {
        let command = if finding.tier == Tier::Blocks { "error" } else { "warning" };
        let place = match &finding.place {
            Place::File { name, line: Some(line) } => format!("file={},line={line},", property(name)),
            Place::File { name, line: None } => format!("file={},", property(name)),
            Place::Field { .. } => manifest.map(|manifest| format!("file={},", property(manifest))).unwrap_or_default(),
            Place::Archive => String::new(),
        };
        let field = match &finding.place {
            Place::Field { name: field } => format!("{field}: "),
            _ => String::new(),
        };
        let message = data(&format!("{field}{}. {} {}", finding.message, finding.rule.says, finding.remedy));
        // Writing to text cannot fail.
        let _ = writeln!(lines, "::{command} {place}title={}::{message}", property(finding.rule.id));
    }
    for gap in report.gaps() {
        let message = data(&format!("{} did not run: {}. {}", gap.rule.id, gap.why, gap.rule.says));
        let _ = writeln!(lines, "::warning title={}::{message}", property(gap.rule.id));
    }
    lines
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
