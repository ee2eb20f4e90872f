//! The reasons for a rejection, by tool.

use serde::Deserialize;

use super::model::{RejectionReason, ReviewFinding};

/// The stored details of a submission.
#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    findings: Vec<String>,
}

/// Returns the reasons in the stored details of a submission. Each stored reason begins with its tool:
/// `Code sniffer: Model/Pay.php:118:9: Use of eval() is discouraged`.
pub(super) fn of_details(details: &str) -> Vec<RejectionReason> {
    let details: Details = serde_json::from_str(details).unwrap_or_default();
    let mut reasons: Vec<RejectionReason> = Vec::new();
    for finding in details.findings {
        let (tool, text) = finding.split_once(": ").unwrap_or(("", &finding));
        let finding = finding_of(text);
        match reasons.iter_mut().find(|known| known.tool == tool) {
            Some(known) => known.findings.push(finding),
            None => reasons.push(RejectionReason { tool: tool.to_owned(), findings: vec![finding] }),
        }
    }
    reasons
}

/// Separates the place in a file from the message.
fn finding_of(text: &str) -> ReviewFinding {
    let place = text.split_once(": ").filter(|(place, _)| is_place(place));
    match place {
        Some((place, message)) => ReviewFinding { place: Some(place.to_owned()), message: message.to_owned() },
        None => ReviewFinding { place: None, message: text.to_owned() },
    }
}

/// Returns whether a text is a file with a line, and perhaps a column.
fn is_place(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(file, line)| !file.is_empty() && line.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_grouped_by_tool_and_name_their_places() {
        let details = r#"{"findings": ["Code sniffer: Model/Pay.php:118:9: Use of eval() is discouraged",
            "Varnish: category page stays MISS: always", "Code sniffer: a.php:7: no", "no tool"]}"#;
        let reasons = of_details(details);
        let shown: Vec<_> = reasons
            .iter()
            .flat_map(|reason| reason.findings.iter().map(|one| (&*reason.tool, one.place.as_deref(), &*one.message)))
            .collect();
        assert_eq!(
            shown,
            [
                ("Code sniffer", Some("Model/Pay.php:118:9"), "Use of eval() is discouraged"),
                ("Code sniffer", Some("a.php:7"), "no"),
                ("Varnish", None, "category page stays MISS: always"),
                ("", None, "no tool"),
            ]
        );
        for details in ["{}", "[]", r#"{"findings": 7}"#, "no JSON"] {
            assert!(of_details(details).is_empty(), "{details}");
        }
    }
}
