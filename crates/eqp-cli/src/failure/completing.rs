//! Converts errors of release notes and of the previous version to failures with remedies.

use eqp_release::notes::NotesError;
use eqp_release::previous::PreviousError;

use super::{Exit, Failure};
use crate::output::escaped;

impl From<NotesError> for Failure {
    fn from(error: NotesError) -> Self {
        match &error {
            NotesError::Missing { tried, .. } => {
                let failure = Self::new(Exit::NotFound, error.to_string());
                tried
                    .iter()
                    .fold(failure, |failure, one| failure.why(format!("{}: {}", escaped(&one.source), escaped(&one.reason))))
                    .next("add the section or the release, or read them from a file: --notes-from file:FILE")
            }
            NotesError::NoVersion => Self::usage(error.to_string())
                .next("set `version` in the manifest, or pass the archive")
                .next("or read the notes from a file: --notes-from file:FILE"),
            NotesError::Read { .. } => Self::usage("there are no release notes")
                .because(&error)
                .next("pass an existing file: --notes-from changelog:FILE or --notes-from file:FILE"),
            NotesError::TooLong { .. } => {
                Self::new(Exit::Failed, error.to_string()).next("shorten them: describe only the changes of this version")
            }
            NotesError::NotAllowed { .. } => Self::new(Exit::NotAuthorised, error.to_string())
                .next("set GITHUB_TOKEN, or GITLAB_TOKEN, to a token that can read the repository"),
            NotesError::Host { source: Some(_), .. } => Self::new(Exit::Unreachable, "there are no release notes")
                .because(&error)
                .next("check the network and the URL of the API (GITHUB_API_URL, CI_API_V4_URL), then run the command again"),
            _ => Self::new(Exit::Failed, "there are no release notes")
                .because(&error)
                .next("check the URL of the API (GITHUB_API_URL, CI_API_V4_URL) and the repository"),
        }
    }
}

impl From<PreviousError> for Failure {
    fn from(error: PreviousError) -> Self {
        const WITHOUT: &str = "or complete the manifest, and omit --from-previous";
        match error {
            PreviousError::NoSku => Self::usage(error.to_string()).next("set `sku` in the manifest"),
            PreviousError::NotInStore { versions, .. } => {
                let failure = Self::new(Exit::NotFound, error.to_string());
                let failure = match versions {
                    0 => {
                        failure.why("the account has no package with this SKU").next("check the SKU and --environment")
                    }
                    versions => failure.why(format!("versions with another status: {versions}")),
                };
                failure.next("the first version needs a complete manifest: eqp packages init ARCHIVE")
            }
            PreviousError::Marketplace { sku, source } => Self::from(source)
                .why(format!("the version of {sku} in the store is needed for missing fields"))
                .next("run the same command again")
                .next(WITHOUT),
            PreviousError::Unusable { .. } => Self::new(Exit::Failed, "the manifest was not completed")
                .because(&error)
                .next("see the fields with eqp packages list --json")
                .next(WITHOUT),
            _ => Self::new(Exit::Failed, "the manifest was not completed").because(&error),
        }
    }
}
