//! The semantic version check, called as the store calls it: is there more than a patch between two versions?

use std::path::Path;
use std::process::Command;

use super::child::{Run, last_line};
use crate::book::Needs;
use crate::book::code::SEMANTIC_VERSION;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::report::Place;

/// The level that the store asks for: a patch.
const PATCH: &str = "1";

/// Compares two unpacked packages.
pub(super) fn run(svc: &Path, before: &Path, now: &Path, run: &Run<'_>, ledger: &mut Ledger) -> Result<(), Error> {
    let mut command = Command::new(svc);
    command.arg("compare").arg(before).arg(now).arg(PATCH);
    match run.to_end(&mut command, None)? {
        Err(why) => ledger.unmet(Needs::SemanticVersion, format!("not checked here: {why}")),
        Ok(ended) => match change(&ended.stdout) {
            Some(change @ ("major" | "minor")) => {
                ledger.find(&SEMANTIC_VERSION, Place::Archive, format!("a {change} change was found"));
            }
            Some(_) => {}
            None => {
                let said = if ended.stderr.trim().is_empty() { &ended.stdout } else { &ended.stderr };
                ledger.unmet(
                    Needs::SemanticVersion,
                    format!("not checked here: svc made no report: {}", last_line(said)),
                );
            }
        },
    }
    Ok(())
}

/// What its output says was found.
fn change(output: &str) -> Option<&'static str> {
    let output = output.to_ascii_lowercase();
    ["major", "minor", "patch", "none"]
        .into_iter()
        .find(|level| output.contains(&format!("{level} change is detected")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_sentence_tells_the_level() {
        assert_eq!(change("…\nMajor change is detected. Please look into the log\n"), Some("major"));
        assert_eq!(change("Patch change is detected."), Some("patch"));
        assert_eq!(change("PHP Fatal error"), None);
    }
}
