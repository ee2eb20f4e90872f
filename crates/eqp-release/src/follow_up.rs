//! Decides what happens after a version was released to the store: a command runs, unless a check reports that this has
//! happened already. No I/O: the caller runs the programs.

use std::fmt;
use std::process::ExitStatus;
use std::time::Duration;

use eqp_types::Package;

/// The exit codes with which a shell reports that it cannot run a program.
const CANNOT_RUN: [i32; 2] = [126, 127];

/// A version that is in the store, as it is passed to the command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleasedVersion {
    /// The ID of the submission.
    pub submission_id: Option<String>,
    /// The SKU.
    pub sku: Option<String>,
    /// The version, as in `composer.json`.
    pub version: Option<String>,
}

impl ReleasedVersion {
    /// Returns the environment variables of the command. A variable without a value is missing.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let variables =
            [("EQP_SUBMISSION_ID", &self.submission_id), ("EQP_SKU", &self.sku), ("EQP_VERSION", &self.version)];
        variables.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

impl From<&Package> for ReleasedVersion {
    fn from(package: &Package) -> Self {
        Self {
            submission_id: package.submission_id.as_ref().map(ToString::to_string),
            sku: package.sku.as_ref().map(ToString::to_string),
            version: package.version.clone(),
        }
    }
}

/// The next action after a release to the store.
///
/// No state is stored, so each call starts from the beginning. If a call is killed after the command has run, the next call runs it again,
/// unless the check reports that it has run: the command runs at least once.
///
/// ```
/// use eqp_release::{FollowUp, FollowUpResult, ProgramEnd};
///
/// let check = FollowUp::start(true);
/// assert_eq!(check, FollowUp::Check);
/// let not_started = ProgramEnd::NotStarted("no memory".to_owned());
/// assert_eq!(check.after(not_started.clone()), FollowUp::End(FollowUpResult::CheckFailed(not_started)));
/// assert_eq!(FollowUp::start(false), FollowUp::Run);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// Run the check.
    Check,
    /// Run the command.
    Run,
    /// Nothing is left to do.
    End(FollowUpResult),
}

/// The result of the action after a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowUpResult {
    /// The check reports that the command has run already.
    AlreadyDone,
    /// The command has succeeded.
    Done,
    /// The check has no result, so the command did not run.
    CheckFailed(ProgramEnd),
    /// The command has failed.
    CommandFailed(ProgramEnd),
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramEnd {
    /// It exited, or a signal ended it.
    Ended(ExitStatus),
    /// It was stopped after this time.
    TimedOut(Duration),
    /// It could not be started, for this reason.
    NotStarted(String),
}

impl ProgramEnd {
    fn code(&self) -> Option<i32> {
        match self {
            Self::Ended(status) => status.code(),
            Self::TimedOut(_) | Self::NotStarted(_) => None,
        }
    }
}

impl fmt::Display for ProgramEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(status) => write!(f, "it ended with {status}"),
            Self::TimedOut(deadline) => write!(f, "timed out after {deadline:?}, and was stopped"),
            Self::NotStarted(reason) => write!(f, "it cannot be started: {reason}"),
        }
    }
}

impl FollowUp {
    /// Returns the first action after the version has been released.
    pub fn start(has_check: bool) -> Self {
        if has_check { Self::Check } else { Self::Run }
    }

    /// Returns the action after the program of this one has ended.
    ///
    /// A check that exits with 0 means that the command has run. Any other exit code means that it has not, except the codes 126 and
    /// 127 of a shell that cannot run the check. After those, a timeout or a signal, the answer is unknown, and the command does not run.
    #[must_use]
    pub fn after(self, end: ProgramEnd) -> Self {
        match (self, end.code()) {
            (Self::Check, Some(0)) => Self::End(FollowUpResult::AlreadyDone),
            (Self::Check, Some(code)) if !CANNOT_RUN.contains(&code) => Self::Run,
            (Self::Check, _) => Self::End(FollowUpResult::CheckFailed(end)),
            (Self::Run, Some(0)) => Self::End(FollowUpResult::Done),
            (Self::Run, _) => Self::End(FollowUpResult::CommandFailed(end)),
            (Self::End(result), _) => Self::End(result),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn exit(code: i32) -> ProgramEnd {
        ProgramEnd::Ended(ExitStatus::from_raw(code << 8))
    }

    #[test]
    fn the_command_runs_unless_the_check_succeeds_or_has_no_result() {
        let killed = ProgramEnd::Ended(ExitStatus::from_raw(9));
        let timed_out = ProgramEnd::TimedOut(Duration::from_secs(1));
        assert_eq!(FollowUp::Check.after(exit(0)), FollowUp::End(FollowUpResult::AlreadyDone));
        for code in [1, 2, 125, 128] {
            assert_eq!(FollowUp::Check.after(exit(code)), FollowUp::Run, "{code}");
        }
        for end in [exit(126), exit(127), killed.clone(), timed_out.clone()] {
            assert_eq!(FollowUp::Check.after(end.clone()), FollowUp::End(FollowUpResult::CheckFailed(end)));
        }
        assert_eq!(FollowUp::Run.after(exit(0)), FollowUp::End(FollowUpResult::Done));
        for end in [exit(1), exit(127), killed, timed_out] {
            assert_eq!(FollowUp::Run.after(end.clone()), FollowUp::End(FollowUpResult::CommandFailed(end)));
        }
    }

    #[test]
    fn only_known_values_become_variables() {
        let version = ReleasedVersion { version: Some("1.5.0".to_owned()), ..ReleasedVersion::default() };
        assert_eq!(version.variables().collect::<Vec<_>>(), [("EQP_VERSION", "1.5.0")]);
    }
}
