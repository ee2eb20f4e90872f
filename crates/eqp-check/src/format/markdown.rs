//! Markdown for the summary of a CI job or a comment on a pull request.

use std::fmt::Write;

use crate::registry::Severity;
use crate::report::{CheckResult, Finding, Report};

/// The maximum length, in bytes. GitHub accepts comments of 65,536 characters.
const MAX_BYTES: usize = 60_000;

/// Formats the report as Markdown of at most 60,000 bytes. The first line is a comment that is not displayed, and that is the same for every
/// version of a package: a program that updates its comment on a pull request finds it by this line.
pub fn markdown(report: &Report) -> String {
    let name = report.package.name.as_deref().unwrap_or(&report.archive);
    let version = report.package.version.as_deref().unwrap_or_default();
    let title = [name, version].join(" ");
    let counts = report.counts;
    let result = match report.result() {
        CheckResult::Passed => "no blocking findings",
        CheckResult::Incomplete => "incomplete, which is not a pass",
        CheckResult::Blocked => "the store would reject it",
    };
    let mut text = marker(name);
    // Writing to a `String` cannot fail.
    let _ = write!(
        text,
        "\n### {}: {result}\n\n{} blocking, {} warnings; {} of {} rules ran.\n",
        md(title.trim()),
        counts.blocking,
        counts.warnings,
        counts.ran,
        counts.rules
    );
    for not_run in report.unchecked() {
        let _ = write!(text, "\n**{} did not run**: {}\n", not_run.rule.id, md(&not_run.reason));
    }
    if !report.findings.is_empty() {
        text.push_str("\n| severity | rule | location | message |\n|---|---|---|---|\n");
        add_rows(&report.findings, &mut text);
        add_remedies(&report.findings, &mut text);
    }
    text
}

/// Returns the line by which a comment about a package is found.
fn marker(package: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "/_.-".contains(*letter);
    // Two dashes would end the comment.
    let name: String = package.chars().filter(is_plain).collect();
    format!("<!-- eqp packages check: {} -->", name.replace("--", "-"))
}

fn add_rows(findings: &[Finding], text: &mut String) {
    for (at, finding) in findings.iter().enumerate() {
        let severity = match finding.severity {
            Severity::Blocking => "**blocking**",
            _ => finding.severity.as_str(),
        };
        let location = md(&finding.location.to_string());
        let row = format!("| {severity} | {} | {location} | {} |\n", finding.rule.id, md(&finding.message));
        if text.len() + row.len() > MAX_BYTES * 3 / 4 {
            let _ = writeln!(text, "\n… and {} more findings", findings.len() - at);
            return;
        }
        text.push_str(&row);
    }
}

fn add_remedies(findings: &[Finding], text: &mut String) {
    const END: &str = "\n</details>\n";
    text.push_str("\n<details><summary>What to do</summary>\n\n");
    let mut listed = Vec::new();
    for Finding { rule, remedy, .. } in findings {
        let line = format!("- **{}**: {}\n", rule.id, md(remedy));
        if !listed.contains(&(rule.id, *remedy)) && text.len() + line.len() + END.len() <= MAX_BYTES {
            listed.push((rule.id, *remedy));
            text.push_str(&line);
        }
    }
    text.push_str(END);
}

/// Escapes a text, so that it is neither markup nor a mention of a user or an issue, and stays in its cell.
fn md(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '@' | '#' => {
                let _ = write!(escaped, "&#{};", u32::from(letter));
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter if letter.is_control() => {
                let _ = write!(escaped, "\\\\u{{{:x}}}", u32::from(letter));
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_neither_markup_nor_a_mention() {
        assert_eq!(md("@acme #7 <b>|`x`\n"), "&#64;acme &#35;7 &lt;b&gt;\\|\\`x\\`\\\\u{a}");
        assert_eq!(marker("acme/a--> <b>"), "<!-- eqp packages check: acme/a-b -->");
    }
}
