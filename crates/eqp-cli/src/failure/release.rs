//! Converts errors of checks, manifests, releases and waits to failures with remedies.

use std::path::Path;

use eqp_console::OperatorError;
use eqp_release::EventSourceError;
use eqp_release::manifest::{ManifestError, ManifestProblem as Problem, PackageError};
use eqp_release::wait::WaitError;
use eqp_release::{
    Change, CheckError, Error, FindError, RequestedAction, SelectionError, SendError, Track, TrackError,
};
use eqp_types::SubmissionId;

use super::{Exit, Failure};
use crate::text::{nearest, refusal, shell_word};

impl From<TrackError> for Failure {
    fn from(error: TrackError) -> Self {
        match error {
            TrackError::Contradiction { track, manifest } => {
                let manifest = match manifest {
                    RequestedAction::Submit(track) => format!("submits {}", reviews(track)),
                    RequestedAction::Draft | RequestedAction::Unspecified => "only saves a draft".to_owned(),
                };
                Self::usage(format!("--track {} contradicts the manifest", track.as_str()))
                    .why(format!("its `action` {manifest}"))
                    .next("omit --track, or change `action` in the manifest")
            }
            TrackError::NotASubmission { .. } => Self::usage(error.to_string())
                .next("`action` accepts `technical` and `marketing`, each `submit` or `draft`; or remove it")
                .next("`eqp packages update` sends other actions, `eqp packages recall` recalls from review"),
            _ => Self::usage(error.to_string()),
        }
    }
}

fn reviews(track: Track) -> &'static str {
    match track {
        Track::Both => "both reviews",
        Track::Technical => "the technical review alone",
        Track::Marketing => "the marketing review alone",
    }
}

impl From<SelectionError> for Failure {
    fn from(error: SelectionError) -> Self {
        match error {
            SelectionError::Manifest(error) => error.into(),
            SelectionError::Archive(error) => error.into(),
            SelectionError::Track(error) => error.into(),
            SelectionError::SeveralPackages { packages } => {
                Self::usage(format!("the manifest has {packages} packages"))
                    .next("pass the archive of the package to release")
            }
            SelectionError::NotInManifest { sku } => {
                let sku = sku.unwrap_or_else(|| "of the archive".to_owned());
                Self::usage(format!("none of the manifest's packages has the SKU {sku}"))
                    .next("set `sku` in the manifest's package for this archive")
            }
            SelectionError::OnlyDraft => Self::usage(error.to_string())
                .next("set `technical` or `marketing` to \"submit\", or omit `action` to submit for both reviews")
                .next("`eqp packages create` saves a draft"),
            SelectionError::MissingFiles { files, archive } => {
                let named = files.iter().map(|path| format!("there is no file {}", path.display()));
                let failure = Self::usage("files to submit do not exist");
                let failure = named.fold(failure, Self::why).next("paths in a manifest are relative to its folder");
                let archive = archive.as_deref().and_then(Path::to_str);
                match archive.filter(|text| !text.contains(['/', '.']) && SubmissionId::new(*text).is_ok()) {
                    Some(id) => {
                        failure.next(format!("if {id} is the ID of a submission, pass --submission {}", shell_word(id)))
                    }
                    None => failure,
                }
            }
            SelectionError::Unidentified => {
                Self::usage("nothing identifies the submission, so another run could not find it again")
                    .next("set item_id, or sku and version, in the manifest")
            }
            other => Self::usage("there is nothing to release").because(&other),
        }
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Check(error) => error.into(),
            CheckError::Aborted(error) => Self::new(Exit::Failed, "the check was aborted").because(&error),
            other => Self::new(Exit::Failed, "the archive was not checked").because(&other),
        }
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        let what = error.to_string();
        match error {
            FindError::Marketplace(error) => error.into(),
            FindError::Unidentified { .. } => Self::usage(what).next("set submission_id, item_id, or sku and version"),
            FindError::NotFound { .. } => Self::new(Exit::NotFound, what)
                .next("create the submission with eqp packages create")
                .next("check --environment: IDs of one environment do not exist in the other"),
            _ => Self::new(Exit::Failed, what),
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Marketplace(error) => error.into(),
            SendError::StillScanning { files } => {
                let failure =
                    Self::new(Exit::TimedOut, "the malware scan has not finished; some packages were not submitted");
                let scanned = files.iter().map(|id| format!("{id} is still being scanned"));
                scanned.fold(failure, Self::why).next("run the same command again later, or wait longer with --timeout")
            }
            other => Self::new(Exit::Failed, "some packages were not submitted").because(&other),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Marketplace(error) => error.into(),
            Error::Package(error) => error.into(),
            Error::Unreadable { path, source } => Self::usage(format!("cannot read {}", path.display()))
                .because(&source)
                .next("pass a file that exists and can be read"),
            Error::Unnamed { path } => {
                Self::usage(format!("the name of {} cannot be sent, because it is not UTF-8", path.display()))
            }
            Error::ReadAborted(error) => Self::new(Exit::Failed, "a file could not be read").because(&error),
            Error::OtherVersion { .. } => {
                Self::usage(error.to_string()).next("set item_id to an ID of this version, or remove it")
            }
            Error::VersionMismatch { ref archive, .. } => {
                let remedy = format!("set `version` in the manifest to {archive}, or remove it");
                Self::usage(error.to_string()).next(remedy)
            }
            Error::Stalled { label, step, attempts } => Self::new(Exit::Failed, format!("{label} makes no progress"))
                .why(format!(
                    "tried to {} {attempts} times, without a visible effect at the Marketplace",
                    step.description()
                ))
                .next("check it with eqp packages show, then run the same command again"),
            Error::Rejected { label, change, code, message } => {
                Self::new(Exit::Rejected, format!("{label} was not {change}: the Marketplace rejected it"))
                    .why(refusal(message.as_deref(), code))
                    .next("fix the problem, then run the same command again")
            }
            Error::NoAnswer { change: Change::Create } => {
                Self::new(Exit::Failed, "the Marketplace did not report the result of the submission")
                    .next("run the same command again: it checks first")
            }
            Error::NoAnswer { .. } => {
                Self::new(Exit::Failed, "the Marketplace did not report whether the request succeeded")
            }
            Error::NoSubmissionId => Self::new(Exit::Failed, "the Marketplace returned the submission without its ID"),
            Error::Stopped => Self::interrupted(),
            other => Self::new(Exit::Failed, "the release failed").because(&other),
        }
    }
}

impl From<ManifestError> for Failure {
    fn from(error: ManifestError) -> Self {
        let ManifestError { file, path, problem, .. } = error;
        match problem {
            Problem::Unreadable(error) => Self::usage(format!("cannot read {file}"))
                .because(&error)
                .next("pass an existing manifest, or create one: eqp packages init ARCHIVE"),
            Problem::Malformed(text) => Self::usage(format!("{file} cannot be parsed")).why_in_lines(&text),
            Problem::NoPackage => {
                Self::usage(format!("{file} contains no package")).next("add a table [package], or several tables [[package]]")
            }
            Problem::OutsidePackage { key, known } => {
                let failure = Self::usage(format!("{file}: unknown key `{key}`"));
                match nearest(&key, known) {
                    Some(right) => failure.next(format!("did you mean `{right}`?")),
                    None => failure.next("move it into [package]"),
                }
            }
            Problem::UnknownKey { key, known } => {
                let failure = Self::usage(format!("{file}: unknown key `{path}.{key}`"));
                match nearest(&key, known.iter().map(String::as_str)) {
                    Some(name) => failure.next(format!("did you mean `{path}.{name}`?")),
                    None => failure.next(format!("known keys: {}", known.join(", "))),
                }
            }
            Problem::EmptyAction => Self::usage(format!("{file}: `{path}` is an empty table"))
                .why("it does not select a review")
                .next("select a review, for example `action = { technical = \"submit\" }`")
                .next("or omit `action`: `eqp release` then submits for both reviews, and `eqp packages create` saves a draft"),
            Problem::Value(text) => Self::usage(format!("{file}: `{path}` cannot be read")).why(text),
            other => Self::usage(format!("cannot read {file}")).because(&other),
        }
    }
}

impl From<PackageError> for Failure {
    fn from(error: PackageError) -> Self {
        let what = error.to_string();
        match error {
            PackageError::NotSendable { source, .. } => Self::new(Exit::Failed, what).because(&source),
            _ => Self::new(Exit::Failed, what),
        }
    }
}

impl From<eqp_check::Error> for Failure {
    fn from(error: eqp_check::Error) -> Self {
        match &error {
            eqp_check::Error::UnknownRule { id } => {
                let failure = Self::usage("the manifest suppresses a rule that does not exist").because(&error);
                match nearest(id, eqp_check::rules().map(|rule| rule.id)) {
                    Some(near) => failure.next(format!("did you mean `{near}`?")),
                    None => failure.next("list all rules: eqp packages rules"),
                }
            }
            eqp_check::Error::NoReason { .. } => {
                Self::usage("the manifest suppresses a rule without a reason").because(&error).next("add a reason")
            }
            eqp_check::Error::NoMetadata { .. } => Self::new(Exit::Failed, "the archive has no readable composer.json")
                .because(&error)
                .next("check the archive: eqp packages check FILE"),
            eqp_check::Error::Read { .. } | eqp_check::Error::NotAFile { .. } => {
                Self::usage("the archive was not checked")
                    .because(&error)
                    .next("pass an archive that exists and can be read")
            }
            eqp_check::Error::Cancelled => Self::new(Exit::Interrupted, "the check was stopped").because(&error),
            _ => Self::new(Exit::Failed, "the archive was not checked").because(&error),
        }
    }
}

impl From<WaitError> for Failure {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::NoSource => {
                Self::new(Exit::Usage, "cannot wait: neither a database nor an access key is configured")
                    .next("start eqp serve with the same data folder, or set EQP_DATABASE_URL")
                    .next("or set EQP_APPLICATION_ID and EQP_APPLICATION_SECRET_FILE to poll the Marketplace")
            }
            WaitError::Marketplace(error) => error.into(),
            WaitError::Events(error) => error.into(),
            other => Self::new(Exit::Failed, "cannot wait").because(&other),
        }
    }
}

impl From<EventSourceError> for Failure {
    fn from(error: EventSourceError) -> Self {
        match error.into_cause().downcast::<OperatorError>() {
            Ok(error) => (*error).into(),
            Err(other) => Self::new(Exit::Failed, "events cannot be read").because(&*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use eqp_release::manifest::Manifest;

    use super::*;

    #[test]
    fn what_is_no_manifest_says_where_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        for (text, expected) in [
            ("[package]\nname = \n", "line 2"),
            ("[packages]\nx = 1\n[package]\nname = \"a\"", "did you mean `package`?"),
            ("[package]\nnmae = \"a\"", "did you mean `package.name`?"),
        ] {
            std::fs::write(&path, text).unwrap();
            let failure = Failure::from(Manifest::read(&path).unwrap_err());
            assert_eq!(failure.exit_code(), 2);
            assert!(failure.to_string().contains(expected), "{failure}");
        }
    }
}
