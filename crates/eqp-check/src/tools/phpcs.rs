//! Runs phpcs with exactly the flags of the store, which ignores suppressions in the code.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::process::{self, Run, last_line};
use crate::error::Error;
use crate::registry::Requirement;
use crate::registry::package::CODE_SNIFFER;
use crate::report::Location;
use crate::report_builder::ReportBuilder;

/// The flags of the store.
const FLAGS: [&str; 4] =
    ["--standard=Magento2", "--extensions=php,phtml", "--error-severity=10", "--ignore-annotations"];

/// Limits the memory usage: each process needs 100 MB or more.
const MAX_PROCESSES: usize = 8;

#[derive(Deserialize)]
struct Report {
    files: Files,
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
    line: Option<u32>,
}

/// Runs phpcs on an unpacked package.
pub(super) fn run(phpcs: &Path, package: &Path, run: &Run<'_>, builder: &mut ReportBuilder) -> Result<(), Error> {
    let report = run.scratch.join("phpcs.json");
    let mut command = Command::new(phpcs);
    // These flags affect run time and output, not the findings.
    command.args(FLAGS).arg(format!("--parallel={}", processes())).arg("-p");
    command.arg("--report=json").arg(format!("--report-file={}", report.display())).arg(package);
    let ended = match run.to_end(&mut command, Some(&report))? {
        Ok(ended) => ended,
        Err(reason) => {
            builder.unavailable(Requirement::CodeSniffer, format!("not checked: {reason}"));
            return Ok(());
        }
    };
    match serde_json::from_str::<Report>(&process::read(&report)) {
        Ok(Report { files: Files::Named(files) }) => record(&files, package, builder),
        Ok(Report { files: Files::None(_) }) => {}
        Err(_) => {
            let output = if ended.stderr.trim().is_empty() { &ended.stdout } else { &ended.stderr };
            builder.unavailable(
                Requirement::CodeSniffer,
                format!("not checked: phpcs wrote no report: {}", last_line(output)),
            );
        }
    }
    Ok(())
}

/// Returns the number of processes: one per CPU. phpcs uses a single process if PHP cannot fork.
fn processes() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MAX_PROCESSES)
}

fn record(files: &BTreeMap<String, OneFile>, package: &Path, builder: &mut ReportBuilder) {
    for (path, file) in files {
        let name = Path::new(path).strip_prefix(package).unwrap_or(Path::new(path)).to_string_lossy().into_owned();
        for error in file.messages.iter().filter(|message| message.kind.eq_ignore_ascii_case("error")) {
            let location = Location::File { name: name.clone(), line: error.line };
            builder.add(&CODE_SNIFFER, location, format!("{} ({})", error.text, error.source));
        }
    }
}
