//! phpcs, with exactly the flags of the store: suppressions in the code do not count there either.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::child::{self, Run, last_line};
use crate::book::Needs;
use crate::book::code::CODE_SNIFFER;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::report::Place;

/// The store's flags.
const FLAGS: [&str; 4] =
    ["--standard=Magento2", "--extensions=php,phtml", "--error-severity=10", "--ignore-annotations"];

/// Each needs 100 MB and more.
const MOST_PROCESSES: usize = 8;

#[derive(Deserialize)]
struct Report {
    files: Files,
}

/// PHP writes an empty map as a list.
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

/// Runs it over an unpacked package.
pub(super) fn run(phpcs: &Path, package: &Path, run: &Run<'_>, ledger: &mut Ledger) -> Result<(), Error> {
    let report = run.scratch.join("phpcs.json");
    let mut command = Command::new(phpcs);
    // These change how long it takes and what it shows, not what it finds.
    command.args(FLAGS).arg(format!("--parallel={}", processes())).arg("-p");
    command.arg("--report=json").arg(format!("--report-file={}", report.display())).arg(package);
    let ended = match run.to_end(&mut command, Some(&report))? {
        Ok(ended) => ended,
        Err(why) => {
            ledger.unmet(Needs::CodeSniffer, format!("not checked here: {why}"));
            return Ok(());
        }
    };
    match serde_json::from_str::<Report>(&child::read(&report)) {
        Ok(Report { files: Files::Named(files) }) => record(&files, package, ledger),
        Ok(Report { files: Files::None(_) }) => {}
        Err(_) => {
            let said = if ended.stderr.trim().is_empty() { &ended.stdout } else { &ended.stderr };
            ledger.unmet(Needs::CodeSniffer, format!("not checked here: phpcs made no report: {}", last_line(said)));
        }
    }
    Ok(())
}

/// As many processes as there are processors; where PHP cannot start others, phpcs does all of it in one.
fn processes() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_PROCESSES)
}

fn record(files: &BTreeMap<String, OneFile>, package: &Path, ledger: &mut Ledger) {
    for (path, file) in files {
        let name = Path::new(path).strip_prefix(package).unwrap_or(Path::new(path)).to_string_lossy().into_owned();
        for error in file.messages.iter().filter(|message| message.kind.eq_ignore_ascii_case("error")) {
            let place = Place::File { name: name.clone(), line: error.line };
            ledger.find(&CODE_SNIFFER, place, format!("{} ({})", error.text, error.source));
        }
    }
}
