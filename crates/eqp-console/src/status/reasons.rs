//! Summarizes the reasons for a rejection in one line.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The longest reason of a tool that is repeated, in characters.
const LONGEST: usize = 100;
/// The number of reasons that reconciliation stores at most.
const STORED: usize = 100;
/// The name of the code sniffer in stored reasons.
const CODE_SNIFFER: &str = "Code sniffer";

/// The stored details of a submission.
#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    findings: Vec<String>,
}

/// Summarizes the reasons in the stored details of a submission. Returns `None` if there are none.
pub(super) fn of_details(details: &str) -> Option<String> {
    let details: Details = serde_json::from_str(details).ok()?;
    summary(&details.findings)
}

/// Names the tests that have failed, by the names of their tools. Returns `None` if there are none.
pub(super) fn of_tools(tools: &[String]) -> Option<String> {
    let names: Vec<_> = tools.iter().map(|tool| uncapitalized(&eqp_sync::tool_in_words(tool))).collect();
    (!names.is_empty()).then(|| format!("failed: {}", names.join(", ")))
}

/// Summarizes reasons, each of which begins with its tool: `Code sniffer: Model/Pay.php:118:9: Use of eval() is discouraged`.
pub(super) fn summary(findings: &[String]) -> Option<String> {
    let mut tools: Vec<(&str, Vec<&str>)> = Vec::new();
    for finding in findings {
        let (tool, reason) = finding.split_once(": ").unwrap_or(("", finding));
        match tools.iter_mut().find(|(known, _)| *known == tool) {
            Some((_, reasons)) => reasons.push(reason),
            None => tools.push((tool, vec![reason])),
        }
    }
    let has_more = findings.len() >= STORED;
    let summaries: Vec<_> = tools.iter().map(|(tool, reasons)| of_tool(tool, reasons, has_more)).collect();
    (!summaries.is_empty()).then(|| summaries.join("; "))
}

fn of_tool(tool: &str, reasons: &[&str], has_more: bool) -> String {
    if tool == CODE_SNIFFER
        && let Some(summary) = of_code_sniffer(reasons, has_more)
    {
        return summary;
    }
    let more = match reasons.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let first = shortened(reasons[0]);
    if tool.is_empty() { format!("{first}{more}") } else { format!("{}: {first}{more}", uncapitalized(tool)) }
}

/// Counts the errors and files of the code sniffer. Returns `None` if its reasons are not at places in files.
fn of_code_sniffer(reasons: &[&str], has_more: bool) -> Option<String> {
    let places: Vec<_> = reasons.iter().filter_map(|reason| place(reason)).collect();
    let (file, line) = places.first()?;
    let files: BTreeSet<_> = places.iter().map(|(file, _)| file).collect();
    let at_least = if has_more { "at least " } else { "" };
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    Some(format!(
        "code sniffer: {at_least}{} in {}, first {file}:{line}",
        counted(places.len(), "error"),
        counted(files.len(), "file")
    ))
}

/// Returns the file and the line of a reason such as `Model/Pay.php:118:9: Use of eval() is discouraged`.
fn place(reason: &str) -> Option<(&str, u64)> {
    let (place, _) = reason.split_once(": ")?;
    let (rest, last) = place.rsplit_once(':')?;
    let last = last.parse().ok()?;
    match rest.rsplit_once(':') {
        Some((file, line)) if !file.is_empty() && line.parse::<u64>().is_ok() => Some((file, line.parse().ok()?)),
        _ => Some((rest, last)),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

fn uncapitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(findings: &[&str]) -> Option<String> {
        summary(&findings.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn errors_of_the_code_sniffer_are_counted() {
        let two = [
            "Code sniffer: Model/Pay.php:118:9: Use of eval() is discouraged (Squiz.PHP.Eval)",
            "Code sniffer: Model/Pay.php:131:17: Direct use of $_POST Superglobal detected.",
        ];
        assert_eq!(of(&two).unwrap(), "code sniffer: 2 errors in 1 file, first Model/Pay.php:118");
        assert_eq!(of(&["Code sniffer: a.php:7: no"]).unwrap(), "code sniffer: 1 error in 1 file, first a.php:7");
        let many = vec!["Code sniffer: a.php:7: no"; STORED];
        assert!(of(&many).unwrap().contains("at least 100 errors"));
    }

    #[test]
    fn other_tools_show_their_first_reason() {
        assert_eq!(
            of(&["Varnish: category page stays MISS", "Varnish: another", "Manual QA: Tech: a feature is missing."])
                .unwrap(),
            "varnish: category page stays MISS (and 1 more); manual QA: Tech: a feature is missing."
        );
        assert_eq!(of(&["Code sniffer: Errors: 3, warnings: 0"]).unwrap(), "code sniffer: Errors: 3, warnings: 0");
        assert_eq!(of(&["no tool"]).unwrap(), "no tool");
        assert!(of(&[&format!("Varnish: {}", "x".repeat(500))]).unwrap().ends_with('…'));
    }

    #[test]
    fn failed_tests_are_named() {
        assert_eq!(of_tools(&["phpcs".to_owned(), "x".to_owned()]).unwrap(), "failed: code sniffer, x");
        assert_eq!(of_tools(&[]), None);
    }

    #[test]
    fn details_of_any_shape_are_read() {
        for details in ["{}", r#"{"findings": []}"#, r#"{"findings": 7}"#, "[]", "no JSON"] {
            assert_eq!(of_details(details), None, "{details}");
        }
        assert_eq!(of_details(r#"{"findings": ["Varnish: x"]}"#).unwrap(), "varnish: x");
    }
}
