//! The user's PHP, and whether a version of the Magento coding standard runs with it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use eqp_check::internal::run_program;
use tokio_util::sync::CancellationToken;

use super::error::ToolError;
use crate::task_error::run_cancellable;

/// The time limit for asking PHP for its version.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The oldest PHP that every version of the standard allows.
const OLDEST: (u32, u32) = (8, 1);

/// A PHP interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Php {
    /// The program.
    pub program: PathBuf,
    /// Its version, such as `8.3.14`.
    pub version: String,
}

/// Returns the newest PHP that a version of the standard allows: 8.3 up to version 35, and 8.4 for newer ones.
pub fn newest_php(standard: u32) -> (u32, u32) {
    if standard <= 35 { (8, 3) } else { (8, 4) }
}

impl Php {
    /// Asks a program for its version.
    ///
    /// # Errors
    /// [`ToolError::Php`] if the program is not PHP.
    pub async fn find(program: &Path, signal: &CancellationToken) -> Result<Self, ToolError> {
        let program = program.to_owned();
        let unusable = |program: &Path, reason: String| ToolError::Php { program: program.to_owned(), reason };
        let found = run_cancellable(signal, move |cancellation| {
            let scratch = tempfile::tempdir().map_err(|error| unusable(&program, error.to_string()))?;
            let mut command = Command::new(&program);
            command.args(["-r", "echo PHP_VERSION;"]);
            let ended = run_program(&mut command, scratch.path(), TIMEOUT, cancellation)?
                .map_err(|reason| unusable(&program, reason))?;
            let version = ended.stdout.trim();
            if !ended.is_success || numbers(version).is_none() {
                let reason = format!("it did not print its version, but: {}", ended.last_line());
                return Err(unusable(&program, reason));
            }
            Ok(Self { version: version.to_owned(), program })
        });
        found.await.map_err(ToolError::Aborted)?
    }

    /// Returns why a version of the standard is not known to run with this PHP, or `None` if it is.
    pub fn why_unsuitable(&self, standard: Option<u32>) -> Option<String> {
        let found = numbers(&self.version)?;
        // The newest versions of an archive are not known, so only a PHP that no version allows is reported.
        let newest = newest_php(standard.unwrap_or(u32::MAX));
        let standard = standard.map_or_else(
            || "Magento coding standard".to_owned(),
            |standard| format!("Magento coding standard {standard}"),
        );
        let (major, minor) = newest;
        if found > newest {
            Some(format!("PHP {} is newer than {major}.{minor}, the newest that the {standard} allows", self.version))
        } else if found < OLDEST {
            Some(format!(
                "PHP {} is older than {}.{}, the oldest that the {standard} allows",
                self.version, OLDEST.0, OLDEST.1
            ))
        } else {
            None
        }
    }

    /// Returns the version without a suffix, for Composer.
    pub(super) fn platform(&self) -> String {
        let end = self.version.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
        self.version[..end.unwrap_or(self.version.len())].to_owned()
    }
}

/// Returns the first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_php_that_the_standard_does_not_allow_is_reported() {
        for (version, standard, expected) in [
            ("8.1.29", Some(35), None),
            ("8.3.14-1~deb12u1", Some(35), None),
            ("8.4.1", Some(35), Some("newer than 8.3")),
            ("8.4.1", Some(38), None),
            ("8.5.0", Some(38), Some("newer than 8.4, the newest that the Magento coding standard 38 allows")),
            ("8.4.1", None, None),
            ("8.5.0beta1", None, Some("PHP 8.5.0beta1 is newer than 8.4")),
            ("7.4.33", None, Some("older than 8.1")),
        ] {
            let php = Php { program: "php".into(), version: version.to_owned() };
            let reason = php.why_unsuitable(standard);
            assert_eq!(reason.is_some(), expected.is_some(), "{version} {standard:?}: {reason:?}");
            assert!(reason.unwrap_or_default().contains(expected.unwrap_or_default()), "{version}");
        }
        let php = Php { program: "php".into(), version: "8.3.14-1~deb12u1".to_owned() };
        assert_eq!(php.platform(), "8.3.14");
    }
}
