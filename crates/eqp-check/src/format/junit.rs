//! `JUnit` XML for GitLab and Jenkins: one test case per rule, which fails with a blocking finding and is skipped if the rule did not
//! run. Warnings are part of the output of their test case, because the format has no warnings.
//!
//! Written by hand: the crate `quick-junit` would add eight crates, and it removes the control characters that must stay visible here.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::registry::{Category, Rule, Severity, categories};
use crate::report::{Finding, Report};

/// Formats the report as `JUnit` XML. With `strict`, warnings also fail their test case.
pub fn junit(report: &Report, strict: bool) -> String {
    let mut found: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        found.entry(finding.rule.id).or_default().push(finding);
    }
    let not_run: BTreeMap<&str, &str> =
        report.not_run.iter().map(|not_run| (not_run.rule.id, not_run.reason.as_str())).collect();
    let blocks = |rule: &Rule| {
        found.get(rule.id).is_some_and(|findings| findings.iter().any(|finding| finding.severity == Severity::Blocking))
    };
    let fails = |rule: &Rule| found.contains_key(rule.id) && (strict || blocks(rule));
    let is_skipped = |rule: &Rule| rule.severity == Severity::StoreOnly || not_run.contains_key(rule.id);
    let count = |rules: &[&Rule], matches: &dyn Fn(&Rule) -> bool| rules.iter().filter(|rule| matches(rule)).count();
    let all: Vec<&Rule> = categories().iter().flat_map(|category| category.rules.iter().copied()).collect();

    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\">",
        escaped(&report.archive),
        all.len(),
        count(&all, &fails)
    );
    for Category { title, rules } in categories() {
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">",
            escaped(title),
            rules.len(),
            count(rules, &fails),
            count(rules, &is_skipped)
        );
        for rule in *rules {
            let _ = write!(xml, "    <testcase classname=\"eqp.check\" name=\"{}\">", rule.id);
            let locations = found.get(rule.id).map_or_else(String::new, |findings| text(findings));
            let inside = if fails(rule) {
                format!(
                    "<failure message=\"{}\" type=\"{}\">{}</failure>",
                    escaped(rule.description),
                    rule.severity,
                    escaped(&locations)
                )
            } else if !locations.is_empty() {
                format!("<system-out>{}</system-out>", escaped(&locations))
            } else if rule.severity == Severity::StoreOnly {
                "<skipped message=\"only the store can check this\"/>".to_owned()
            } else if let Some(reason) = not_run.get(rule.id) {
                format!("<skipped message=\"{}\"/>", escaped(reason))
            } else {
                String::new()
            };
            let _ = writeln!(xml, "{inside}</testcase>");
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn text(findings: &[&Finding]) -> String {
    // Each finding is one line, so line feeds in names are escaped.
    let line = |finding: &&Finding| {
        format!("{}: {}", finding.location, finding.message).replace('\n', "\\n").replace('\r', "\\r")
    };
    let lines: Vec<_> = findings.iter().map(line).collect();
    let mut remedies: Vec<_> = findings.iter().map(|finding| finding.remedy).collect();
    remedies.dedup();
    format!("{}\n{}", lines.join("\n"), remedies.join("\n"))
}

/// Returns whether `::` or `##[` begins here, which CI services interpret as commands.
fn begins_command(letter: char, next: Option<char>) -> bool {
    matches!(letter, ':' | '#') && next == Some(letter)
}

/// Returns whether the character is a bidirectional control or a Unicode line separator.
fn changes_display(letter: char) -> bool {
    matches!(
        letter,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// Escapes text for XML. Control characters that XML 1.0 cannot represent are written as visible escapes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                escaped.extend(letter.escape_default());
            }
            // In a log that displays the file, these would change the text direction, end the line or start a command.
            letter if changes_display(letter) || begins_command(letter, letters.peek().copied()) => {
                let _ = write!(escaped, "&#{};", u32::from(letter));
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
    fn what_xml_cannot_represent_is_shown_and_not_replaced() {
        assert_eq!(escaped("a\u{1b}[31m\0\u{9b}\u{ffff}\r"), r"a\u{1b}[31m\u{0}\u{9b}\u{ffff}\r");
        assert_eq!(escaped("\u{feff}<&\"::x"), "&#65279;&lt;&amp;&quot;&#58;:x");
    }
}
