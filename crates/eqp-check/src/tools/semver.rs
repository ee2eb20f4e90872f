//! Runs the semantic version check in the same way as the store, to find changes that require more than a patch version.

use std::path::Path;
use std::process::Command;

use super::process::Run;
use crate::error::Error;
use crate::registry::Requirement;
use crate::registry::package::SEMANTIC_VERSION;
use crate::report::Location;
use crate::report_builder::ReportBuilder;

/// The level that the store checks for: a patch.
const PATCH: &str = "1";

/// Compares two unpacked packages.
pub(super) fn run(
    svc: &Path,
    before: &Path,
    now: &Path,
    run: &Run<'_>,
    builder: &mut ReportBuilder,
) -> Result<(), Error> {
    let mut command = Command::new(svc);
    command.arg("compare").arg(before).arg(now).arg(PATCH);
    match run.to_end(&mut command, None)? {
        Err(reason) => builder.unavailable(Requirement::SemanticVersion, reason.clone()),
        Ok(ended) => match change(&ended.stdout) {
            Some(change @ ("major" | "minor")) => {
                builder.add(&SEMANTIC_VERSION, Location::Archive, format!("a {change} change was found"));
            }
            Some(_) => {}
            None => {
                let reason = format!("svc wrote no report: {}", ended.last_line());
                builder.unavailable(Requirement::SemanticVersion, reason);
            }
        },
    }
    Ok(())
}

/// Returns the level of the change in the output.
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
    fn its_sentence_names_the_level() {
        assert_eq!(change("…\nMajor change is detected. Please look into the log\n"), Some("major"));
        assert_eq!(change("Patch change is detected."), Some("patch"));
        assert_eq!(change("PHP Fatal error"), None);
    }
}
