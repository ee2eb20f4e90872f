//! Summarises for people why a test did not pass.
//!
//! Reports of the Marketplace can contain terminal escapes, line breaks and complete logs. Each sentence is a single line of plain text
//! of limited length.

use std::fmt;

use super::details::{
    CodeSnifferDetails, CodeSnifferFile, CodeSnifferMessage, CommandOutput, ReviewDetails, TestDetails,
};
use super::report::{SingleReport, TestReport};
use crate::TestStatus;

/// The maximum length of a sentence, in characters.
const MAX_CHARACTERS: usize = 600;
/// The number of last lines of a command's output that are included.
const LAST_LINES: usize = 3;

/// The beginning of the sentence about an attachment.
const ATTACHED: &str = "Attached: ";

/// A summary of a report that did not pass.
///
/// `Display` writes the title on one line and each sentence on a separate line, indented by two spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedReport {
    /// The tool and, if there is more than one, the environment, such as `phpcs (PHP 8.3)`.
    pub title: String,
    /// The reasons. Never empty.
    pub sentences: Vec<String>,
}

impl FailedReport {
    /// Returns the URL in a sentence of [`FailedReport::sentences`] about a reviewer's attachment. The sentence can follow the title and
    /// a colon. `None` for any other sentence, for a URL that is not HTTP or HTTPS, and for one that was shortened.
    pub fn attachment(sentence: &str) -> Option<&str> {
        let (before, url) = sentence.rsplit_once(ATTACHED)?;
        let is_complete = !url.contains(char::is_whitespace) && !url.ends_with('…');
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        (is_web && is_complete && (before.is_empty() || before.ends_with(": "))).then_some(url)
    }
}

impl fmt::Display for FailedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        self.sentences.iter().try_for_each(|sentence| write!(f, "\n  {sentence}"))
    }
}

impl TestReport {
    /// Summarises why the test did not pass, with one entry per failed environment or reviewer. Empty if it passed.
    pub fn failures(&self) -> Vec<FailedReport> {
        failures(self)
    }
}

/// Summarises every report in `whole` that did not pass.
fn failures(whole: &TestReport) -> Vec<FailedReport> {
    let has_passed = |status: &Option<TestStatus>| status.as_ref().is_some_and(TestStatus::has_passed);
    if has_passed(&whole.status) {
        return Vec::new();
    }
    let failed: Vec<FailedReport> = whole
        .reports()
        .iter()
        .filter(|report| !has_passed(&report.status))
        .map(|report| failed_report(report, whole))
        .collect();
    if failed.is_empty() {
        let title = plain(whole.tool.as_deref().unwrap_or("test"));
        return vec![FailedReport { title, sentences: vec![no_reason(whole.status.as_ref())] }];
    }
    failed
}

fn failed_report(report: &SingleReport, whole: &TestReport) -> FailedReport {
    let tool = report.tool.as_deref().or(whole.tool.as_deref()).unwrap_or("test");
    let installation = [&report.magento_platform, &report.magento_edition, &report.magento_version];
    let installation = installation.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
    let php = report.php_version.as_ref().map(|version| format!("PHP {version}"));
    let environment =
        (!installation.is_empty()).then_some(installation).into_iter().chain(php).collect::<Vec<_>>().join(", ");
    let title = if environment.is_empty() { tool.to_owned() } else { format!("{tool} ({environment})") };

    let sentences = match &report.details {
        Some(TestDetails::CodeSniffer(details)) => of_code_sniffer(details, report),
        Some(TestDetails::Commands(commands)) => commands.last().map(of_command).into_iter().collect(),
        Some(TestDetails::Review(details)) => of_review(details),
        Some(TestDetails::Unknown(details)) => vec![format!("Its details: {details}")],
        None => Vec::new(),
    };
    let mut sentences: Vec<String> =
        sentences.iter().map(|sentence| plain(sentence)).filter(|sentence| !sentence.is_empty()).collect();
    if sentences.is_empty() {
        sentences.push(no_reason(report.status.as_ref().or(whole.status.as_ref())));
    }
    FailedReport { title: plain(&title), sentences }
}

fn no_reason(status: Option<&TestStatus>) -> String {
    match status {
        Some(status) => format!("It ended with `{}`, and the report gives no reason.", plain(status.as_str())),
        None => "The report gives neither a result nor a reason.".to_owned(),
    }
}

/// Returns the errors, or all messages if there are no errors.
fn of_code_sniffer(details: &CodeSnifferDetails, report: &SingleReport) -> Vec<String> {
    let of_file = |path: &str, file: &CodeSnifferFile, only_errors: bool| -> Vec<String> {
        let selected = file.messages.iter().filter(|message| !only_errors || message.is_error());
        selected.map(|message| of_message(report.path_in_package(path), message)).collect()
    };
    let all = |only_errors| -> Vec<String> {
        details.files.iter().flat_map(|(path, file)| of_file(path, file, only_errors)).collect()
    };
    let mut sentences = all(true);
    if sentences.is_empty() {
        sentences = all(false);
    }
    if sentences.is_empty()
        && let Some(totals) = &details.totals
    {
        let (errors, warnings) = (totals.errors.unwrap_or(0), totals.warnings.unwrap_or(0));
        sentences.push(format!("Errors: {errors}, warnings: {warnings}; the report gives no locations."));
    }
    sentences
}

fn of_message(path: &str, message: &CodeSnifferMessage) -> String {
    let numbers = [message.line, message.column].into_iter().flatten().map(|number| number.to_string());
    let location = std::iter::once(path.to_owned()).chain(numbers).collect::<Vec<_>>().join(":");
    let source = message.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{location}: {}{source}", message.message.as_deref().unwrap_or("no message"))
}

/// A folder on the Marketplace's machines, in which `{vendor}/{package}/{vendor}-{package}-{version}/` contains the files of an archive.
const TEMP: &str = "/eqp-automation/temp/";
/// The number of folders below [`TEMP`] that are not part of an archive.
const TEMP_FOLDERS: usize = 3;

impl SingleReport {
    /// Returns the path of a file from the root of the package. A report has paths of the machine on which the Marketplace has unpacked
    /// the archive. Any other path is returned unchanged.
    pub fn path_in_package<'a>(&self, path: &'a str) -> &'a str {
        if let (Some(vendor), Some(extension), Some(version)) = (&self.vendor, &self.extension, &self.version) {
            let folder = format!("/{vendor}-{extension}-{version}/");
            if let Some(at) = path.rfind(&folder) {
                return &path[at + folder.len()..];
            }
        }
        let below_temp = path.strip_prefix(TEMP).and_then(|rest| rest.splitn(TEMP_FOLDERS + 1, '/').nth(TEMP_FOLDERS));
        below_temp.unwrap_or(path)
    }
}

/// Summarises the failed command, which is the last one.
fn of_command(command: &CommandOutput) -> String {
    let name = command.command.as_deref().unwrap_or("a command without a name");
    let output = command.output.as_deref().unwrap_or("");
    let mut lines: Vec<&str> = output.lines().rev().filter(|line| !line.trim().is_empty()).take(LAST_LINES).collect();
    lines.reverse();
    let end = if lines.is_empty() { "it printed nothing".to_owned() } else { lines.join(" | ") };
    format!("`{name}` failed: {end}")
}

fn of_review(details: &ReviewDetails) -> Vec<String> {
    // A single reason instead of a list. This is not documented.
    let alone = details.extra.get("reasons").and_then(serde_json::Value::as_str);
    let attachment = details.attachment.as_ref().map(|url| format!("{ATTACHED}{url}"));
    let reasons = details.reasons.iter().map(String::as_str).chain(alone).chain(details.message.as_deref());
    reasons.map(str::to_owned).chain(attachment).collect()
}

/// Returns one line without terminal escapes and control characters, with at most [`MAX_CHARACTERS`] characters.
fn plain(text: &str) -> String {
    let mut line = String::new();
    let mut characters = text.chars();
    let mut written = 0;
    let mut wants_blank = false;
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            skip_escape(&mut characters);
            continue;
        }
        if character.is_whitespace() || character.is_control() {
            wants_blank = written > 0;
            continue;
        }
        if written >= MAX_CHARACTERS {
            line.push('…');
            break;
        }
        if wants_blank {
            line.push(' ');
            written += 1;
            wants_blank = false;
        }
        line.push(character);
        written += 1;
    }
    line
}

/// Skips the rest of an escape sequence: `[`, parameters and a final letter, or one character.
fn skip_escape(characters: &mut std::str::Chars<'_>) {
    if characters.next() == Some('[') {
        for character in characters {
            if ('@'..='~').contains(&character) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(report: &Value) -> String {
        let report: TestReport = serde_json::from_value(report.clone()).unwrap();
        report.failures().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_review_says_its_reasons_its_message_and_its_attachment() {
        let report = json!({"tool": "marketing", "status": "FAIL", "reports": {"status": "FAIL", "details": {
            "reasons": ["Long Description: several errors.", "Icon: too small."],
            "message": "Please correct\n  the spelling.", "attachment": "https://a.example/spelling.zip"}}});
        assert_eq!(
            shown(&report),
            "marketing\n  Long Description: several errors.\n  Icon: too small.\n  Please correct the spelling.\n  \
             Attached: https://a.example/spelling.zip"
        );
    }

    #[test]
    fn the_url_of_an_attachment_is_found_in_its_sentence_only() {
        let url = "https://a.example/spelling.zip";
        assert_eq!(FailedReport::attachment(&format!("Attached: {url}")), Some(url));
        assert_eq!(FailedReport::attachment(&format!("Marketing: Attached: {url}")), Some(url));
        for other in
            ["Attached: a file", "Attached: javascript:alert(1)", "See Attached: https://a.example", "Icon: too small."]
        {
            assert_eq!(FailedReport::attachment(other), None, "{other}");
        }
        assert_eq!(FailedReport::attachment("Attached: https://a.example/lon…"), None);
        assert_eq!(FailedReport::attachment("Attached: https://a.example/ and more"), None);
    }

    #[test]
    fn the_code_sniffer_says_each_error_with_its_place() {
        let path = "/eqp/temp/acme/checkout/acme-checkout-1.1.5/Model/Pay.php";
        let found = json!({"files": {path: {"messages": [
            {"message": "reserved word", "source": "MEQP2.Names", "type": "ERROR", "line": 3, "column": 36},
            {"message": "a doubt", "type": "WARNING", "line": 9}]}}});
        let report = json!({"tool": "phpcs", "status": "FAIL", "reports": [
            {"vendor": "acme", "extension": "checkout", "version": "1.1.5", "php_version": "7.1", "status": "FAIL", "details": found},
            {"php_version": "5.6", "status": "PASS", "details": {"totals": {"errors": 0}}},
            {"php_version": "8.3", "status": "FAIL", "details": {"totals": {"errors": 2, "warnings": 1}, "files": []}},
        ]});
        assert_eq!(
            shown(&report),
            "phpcs (PHP 7.1)\n  Model/Pay.php:3:36: reserved word (MEQP2.Names)\n\
             phpcs (PHP 8.3)\n  Errors: 2, warnings: 1; the report gives no locations."
        );
    }

    #[test]
    fn a_path_of_the_marketplace_s_machine_is_shortened() {
        let report = SingleReport { vendor: Some("acme".into()), ..SingleReport::default() };
        let path = "/eqp-automation/temp/acme/checkout/acme-checkout-1.1.5/Model/Pay.php";
        assert_eq!(report.path_in_package(path), "Model/Pay.php");
        assert_eq!(report.path_in_package("Model/Pay.php"), "Model/Pay.php");
        assert_eq!(report.path_in_package("/eqp-automation/temp/acme"), "/eqp-automation/temp/acme");
    }

    #[test]
    fn varnish_says_the_last_command_and_the_end_of_its_output() {
        let report = json!({"tool": "varnish", "status": "FAIL", "reports": [{
            "magento_platform": "M2", "magento_edition": "CE", "magento_version": "2.2.3", "php_version": "7.1.16",
            "status": "FAIL", "details": [
                {"command": "composer require", "output": "fine"},
                {"command": "setup:upgrade", "output": "one\ntwo\n\u{1b}[31mthree\u{1b}[0m\n\nfour\r\n"}]}]});
        assert_eq!(shown(&report), "varnish (M2 CE 2.2.3, PHP 7.1.16)\n  `setup:upgrade` failed: two | three | four");
    }

    #[test]
    fn an_unknown_tool_shows_its_details_and_a_silent_one_says_so() {
        let report =
            json!({"tool": "phpstan", "status": "FAIL", "reports": [{"status": "FAIL", "details": {"level": 9}}]});
        assert_eq!(shown(&report), "phpstan\n  Its details: {\"level\":9}");
        let report = json!({"tool": "marketing", "status": "needs_review", "reports": []});
        assert_eq!(shown(&report), "marketing\n  It ended with `needs_review`, and the report gives no reason.");
        assert_eq!(
            shown(&json!({"reports": {"details": []}})),
            "test\n  The report gives neither a result nor a reason."
        );
    }

    #[test]
    fn what_passed_says_nothing() {
        for status in ["PASS", "pass"] {
            assert_eq!(shown(&json!({"tool": "phpcs", "status": status, "reports": [{"status": "FAIL"}]})), "");
        }
    }

    #[test]
    fn a_sentence_is_one_plain_line_of_bounded_length() {
        assert_eq!(plain(" a\0b\tc \u{1b}]0;x "), "a b c 0;x");
        assert_eq!(plain("\u{1b}[1;31m"), "");
        assert_eq!(plain(&"x".repeat(MAX_CHARACTERS)), "x".repeat(MAX_CHARACTERS));
        assert_eq!(plain(&"ü".repeat(10_000)).chars().count(), MAX_CHARACTERS + 1);
    }
}
