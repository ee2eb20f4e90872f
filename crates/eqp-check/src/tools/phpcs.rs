//! Runs phpcs with exactly the flags of the store, which ignores suppressions in the code, and reads its report.
//!
//! The exit code of phpcs does not count: version 3 also exits with 1 for warnings, and version 4 has other codes. `totals.errors` in the
//! report decides. Without a complete report, the rule did not run.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::process::{self, Run};
use crate::archive::{Archive, EntryKind};
use crate::error::Error;
use crate::registry::Requirement;
use crate::registry::package::CODE_SNIFFER;
use crate::report::Location;
use crate::report_builder::ReportBuilder;

/// The flags of the store.
const FLAGS: [&str; 4] =
    ["--standard=Magento2", "--extensions=php,phtml", "--error-severity=10", "--ignore-annotations"];
/// The extensions of the files that phpcs examines.
const EXTENSIONS: [&str; 2] = ["php", "phtml"];
/// The lowest severity of an error that the store rejects.
const SEVERITY: u32 = 10;
/// The maximum number of folders in a report that are compared with the archive.
const MAX_ROOTS: usize = 16;
/// The number of files of an archive whose paths are searched in a report to find its folder.
const MAX_TRIED: usize = 8;
/// Limits the memory usage: each process needs 100 MB or more.
const MAX_PROCESSES: usize = 8;

/// The command that runs phpcs.
///
/// ```
/// let standard = "/opt/magento-coding-standard";
/// let sniffer = eqp_check::CodeSniffer::new("/usr/bin/php8.3")
///     .argument(format!("{standard}/vendor/bin/phpcs"))
///     .argument("--runtime-set").argument("installed_paths").argument(standard);
/// let tools = eqp_check::Tools::none().code_sniffer(sniffer);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeSniffer {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl CodeSniffer {
    /// Selects a program: phpcs, or a PHP interpreter whose first argument is phpcs.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new() }
    }

    /// Adds an argument before the flags of the store.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }
}

#[derive(Deserialize)]
struct Report {
    totals: Totals,
    files: Files,
}

#[derive(Deserialize)]
struct Totals {
    errors: usize,
}

/// The results by file. PHP writes an empty map as a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Files {
    Named(BTreeMap<String, OneFile>),
    None([(); 0]),
}

#[derive(Deserialize)]
struct OneFile {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "message")]
    text: String,
    #[serde(default)]
    source: String,
    #[serde(rename = "type")]
    kind: String,
    severity: Option<u32>,
    line: Option<u32>,
}

impl Message {
    fn is_error(&self) -> bool {
        self.kind.eq_ignore_ascii_case("error")
    }
}

impl Report {
    /// Parses a report. The error describes what is wrong with it.
    fn parse(text: &str) -> Result<Self, String> {
        // Some environments print warnings of PHP before the JSON. Such a report was not written by phpcs alone.
        let report: Self =
            serde_json::from_str(text).map_err(|error| format!("it is not a report of phpcs: {error}"))?;
        let listed = report.files().flat_map(|(_, file)| &file.messages).filter(|message| message.is_error()).count();
        if report.totals.errors < listed {
            return Err(format!("it contradicts itself: it counts {} errors and lists {listed}", report.totals.errors));
        }
        Ok(report)
    }

    fn files(&self) -> impl Iterator<Item = (&String, &OneFile)> {
        let files = match &self.files {
            Files::Named(files) => Some(files),
            Files::None(_) => None,
        };
        files.into_iter().flatten()
    }

    /// Adds the errors. `name` returns the path of a file from the root of the package, or `None` for a file that is not in the archive.
    fn record(&self, name: impl Fn(&str) -> Option<String>, builder: &mut ReportBuilder) {
        let mut listed = 0;
        for (path, file) in self.files() {
            let name = name(path);
            for error in file.messages.iter().filter(|message| message.is_error()) {
                listed += 1;
                if let Some(name) = name.clone().filter(|_| error.severity.is_none_or(|severity| severity >= SEVERITY))
                {
                    let location = Location::File { name, line: error.line };
                    builder.add(&CODE_SNIFFER, location, format!("{} ({})", error.text, error.source));
                }
            }
        }
        let more = self.totals.errors.saturating_sub(listed);
        if more > 0 {
            builder.add(&CODE_SNIFFER, Location::Archive, format!("phpcs counted {more} errors without a location"));
        }
    }
}

/// Runs phpcs on an unpacked package.
pub(super) fn run(
    sniffer: &CodeSniffer,
    package: &Path,
    run: &Run<'_>,
    builder: &mut ReportBuilder,
) -> Result<(), Error> {
    let path = run.scratch.join("phpcs.json");
    let mut command = Command::new(&sniffer.program);
    // These flags affect run time and output, not the findings.
    command.args(&sniffer.arguments).args(FLAGS).arg(format!("--parallel={}", processes())).arg("-p");
    command.arg("--report=json").arg(format!("--report-file={}", path.display())).arg(package);
    let ended = match run.to_end(&mut command, Some(&path))? {
        Ok(ended) => ended,
        Err(reason) => {
            builder.unavailable(Requirement::CodeSniffer, reason.clone());
            return Ok(());
        }
    };
    let text = process::read(&path);
    match Report::parse(&text) {
        Ok(report) => {
            let in_package = |path: &str| {
                let path = Path::new(path);
                Some(path.strip_prefix(package).unwrap_or(path).to_string_lossy().into_owned())
            };
            report.record(in_package, builder);
        }
        Err(problem) => {
            let last = ended.last_line();
            let reason = if text.trim().is_empty() {
                format!("phpcs wrote no report: {last}")
            } else {
                format!("phpcs did not write a complete report: {problem}; it printed: {last}")
            };
            builder.unavailable(Requirement::CodeSniffer, reason);
        }
    }
    Ok(())
}

/// Reads a report that phpcs has written elsewhere, such as in an earlier job of CI. It must cover every PHP file of the archive.
pub(super) fn read(path: &Path, archive: &Archive, builder: &mut ReportBuilder) -> Result<(), Error> {
    let text = process::read_bounded(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let unusable = |problem: &str| format!("{} was not used: {problem}", path.display());
    let Some(text) = text else {
        builder.unavailable(Requirement::CodeSniffer, unusable("it is larger than 64 MiB"));
        return Ok(());
    };
    let report = match Report::parse(&text) {
        Ok(report) => report,
        Err(problem) => {
            builder.unavailable(Requirement::CodeSniffer, unusable(&problem));
            return Ok(());
        }
    };
    let names: Vec<&str> = archive
        .entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::File && EXTENSIONS.contains(&entry.extension().as_str()))
        .map(|entry| archive.package_path(entry))
        .collect();
    let paths: Vec<&str> = report.files().map(|(path, _)| path.as_str()).collect();
    match root_of(&paths, &names) {
        Ok(root) => {
            let known: HashSet<&str> = names.iter().copied().collect();
            let in_archive = |path: &str| below(path, root).filter(|name| known.contains(name)).map(ToOwned::to_owned);
            report.record(in_archive, builder);
        }
        Err(problem) => builder.unavailable(Requirement::CodeSniffer, unusable(&problem)),
    }
    Ok(())
}

/// Returns the folder in which phpcs ran: the beginning of the paths in its report that the paths in the archive lack. The error
/// describes why the report does not belong to the archive.
fn root_of<'a>(paths: &[&'a str], names: &[&str]) -> Result<&'a str, String> {
    // Long names are the least likely to be the end of several paths. A few are tried, because the report may lack one of them.
    let mut longest: Vec<&str> = names.to_vec();
    longest.sort_by_key(|name| std::cmp::Reverse(name.len()));
    longest.truncate(MAX_TRIED);
    let Some(first) = longest.first() else { return Ok("") };
    let roots = longest.iter().flat_map(|name| paths.iter().filter_map(|path| path.strip_suffix(*name)));
    let roots = roots.filter(|root| root.is_empty() || root.ends_with('/')).take(MAX_ROOTS);
    let missing = |root: &str| {
        let covered: HashSet<&str> = paths.iter().filter_map(|path| below(path, root)).collect();
        names.iter().filter(|name| !covered.contains(**name)).copied().collect::<Vec<_>>()
    };
    let best = roots.map(|root| (missing(root), root)).min_by_key(|(missing, _)| missing.len());
    match best {
        Some((missing, root)) if missing.is_empty() => Ok(root),
        Some((missing, _)) => Err(format!(
            "it covers {} of {} PHP files, and not {}",
            names.len() - missing.len(),
            names.len(),
            missing[0]
        )),
        None => Err(format!("it does not cover {first}, so it was not written for this package")),
    }
}

/// Returns the path below a folder.
fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    path.strip_prefix(root).map(|path| path.strip_prefix("./").unwrap_or(path))
}

/// Returns the number of processes: one per CPU. phpcs uses a single process if PHP cannot fork.
fn processes() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MAX_PROCESSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_for_the_archive_if_it_covers_every_file() {
        let names = ["Model/Badge.php", "registration.php"];
        let root = |paths: &[&'static str]| root_of(paths, &names).map(ToOwned::to_owned);
        let ci = ["/builds/acme/badges/Model/Badge.php", "/builds/acme/badges/registration.php"];
        assert_eq!(root(&ci).unwrap(), "/builds/acme/badges/");
        assert_eq!(root(&["Model/Badge.php", "registration.php", "Test/Unit/BadgeTest.php"]).unwrap(), "");
        // The repository also contains another package.
        let two = ["/r/a/Model/Badge.php", "/r/b/Model/Badge.php", "/r/b/registration.php"];
        assert_eq!(root(&two).unwrap(), "/r/b/");
        assert!(root(&ci[..1]).unwrap_err().contains("1 of 2 PHP files, and not registration.php"));
        assert!(root(&["/r/OtherModel/Badge.php"]).unwrap_err().contains("not written for this package"));
        assert!(root(&[]).is_err());
        assert_eq!(root_of(&[], &[]), Ok(""));
    }

    #[test]
    fn only_a_complete_report_that_does_not_contradict_itself_is_read() {
        let message = r#"{"message": "m", "source": "s", "severity": 10, "type": "ERROR", "line": 1}"#;
        for (text, is_read) in [
            (r#"{"totals": {"errors": 0, "warnings": 3}, "files": []}"#.to_owned(), true),
            (r#"{"totals": {"errors": 2}, "files": []}"#.to_owned(), true),
            (r#"{"totals": {}, "files": []}"#.to_owned(), false),
            (r#"{"files": []}"#.to_owned(), false),
            (r#"{"totals": {"errors": 0}, "files": {"a.php": {"messages": ["#.to_owned(), false),
            (format!(r#"{{"totals": {{"errors": 0}}, "files": {{"a.php": {{"messages": [{message}]}}}}}}"#), false),
            (format!(r#"{{"totals": {{"errors": 1}}, "files": {{"a.php": {{"messages": [{message}]}}}}}}"#), true),
            ("PHP Warning: x\n{}".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(Report::parse(&text).is_ok(), is_read, "{text}");
        }
    }
}
