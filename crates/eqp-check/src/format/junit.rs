//! The XML of `JUnit` as GitLab and Jenkins read it: one test case for each rule, failed by what blocks, skipped where it did not
//! run. Warnings are told in the output of their case: the format has no word for them.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::book::{Chapter, Rule, Tier, chapters};
use crate::report::{Finding, Report};

/// The report. With `strict`, warnings fail their case too.
pub fn junit(report: &Report, strict: bool) -> String {
    let mut found: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        found.entry(finding.rule.id).or_default().push(finding);
    }
    let not_run: BTreeMap<&str, &str> =
        report.not_run.iter().map(|not_run| (not_run.rule.id, not_run.why.as_str())).collect();
    let blocks = |rule: &Rule| {
        found.get(rule.id).is_some_and(|findings| findings.iter().any(|finding| finding.tier == Tier::Blocks))
    };
    let fails = |rule: &Rule| found.contains_key(rule.id) && (strict || blocks(rule));
    let is_skipped = |rule: &Rule| rule.tier == Tier::CannotKnow || not_run.contains_key(rule.id);
    let count = |rules: &[&Rule], what: &dyn Fn(&Rule) -> bool| rules.iter().filter(|rule| what(rule)).count();
    let all: Vec<&Rule> = chapters().iter().flat_map(|chapter| chapter.rules.iter().copied()).collect();

    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to text cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\">",
        escaped(&report.archive),
        all.len(),
        count(&all, &fails)
    );
    for Chapter { title, rules } in chapters() {
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
            let places = found.get(rule.id).map(|findings| text(findings)).unwrap_or_default();
            let inside = if fails(rule) {
                format!(
                    "<failure message=\"{}\" type=\"{}\">{}</failure>",
                    escaped(rule.says),
                    rule.tier,
                    escaped(&places)
                )
            } else if !places.is_empty() {
                format!("<system-out>{}</system-out>", escaped(&places))
            } else if rule.tier == Tier::CannotKnow {
                "<skipped message=\"only the store can tell\"/>".to_owned()
            } else if let Some(why) = not_run.get(rule.id) {
                format!("<skipped message=\"{}\"/>", escaped(why))
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
    // A finding is a line; a line end in a name is shown.
    let line = |finding: &&Finding| {
        format!("{}: {}", finding.place, finding.message).replace('\n', "\\n").replace('\r', "\\r")
    };
    let lines: Vec<_> = findings.iter().map(line).collect();
    let remedy = findings.first().map(|finding| finding.remedy).unwrap_or_default();
    format!("{}\n{remedy}", lines.join("\n"))
}

/// `::` and `##[`, which CI services take for commands.
fn begins_command(letter: char, next: Option<char>) -> bool {
    matches!(letter, ':' | '#') && next == Some(letter)
}

/// Bidirectional controls, and the line ends of Unicode.
fn changes_what_is_shown(letter: char) -> bool {
    matches!(
        letter,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// XML 1.0 has no form for most control characters.
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
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            // A log that shows the file would change its direction, see a line's end, or take what follows for a command.
            letter if changes_what_is_shown(letter) || begins_command(letter, letters.peek().copied()) => {
                let _ = write!(escaped, "&#{};", u32::from(letter));
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}
