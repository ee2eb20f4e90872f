//! The release notes of a release: from a changelog, a code host or a file.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use eqp_release::SelectedPackage;
use eqp_release::notes::{CodeHost, HostedRepository, NotesSource, read_notes};
use eqp_types::Secret;
use url::Url;

use super::built::TagArchive;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};

const CHANGELOG: &str = "CHANGELOG.md";

/// The options for release notes.
#[derive(Args, Debug)]
pub(super) struct NotesOptions {
    /// Source of the release notes: changelog[:FILE], github, gitlab or file:FILE
    ///
    /// With --tag, `changelog` is the CHANGELOG.md of the tag. If the option is repeated, the first source with notes for
    /// the version is used; a file that does not exist is an error.
    #[arg(long, value_name = "SOURCE")]
    notes_from: Vec<NotesFrom>,
    /// Repository at GitHub (owner/name) or GitLab (path or ID) [default: that of the CI job]
    #[arg(long, value_name = "REPOSITORY", requires = "notes_from", hide_short_help = true)]
    notes_repository: Option<String>,
}

/// A source of release notes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NotesFrom {
    Changelog(Option<PathBuf>),
    GitHub,
    GitLab,
    File(PathBuf),
}

impl FromStr for NotesFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "changelog" => Ok(Self::Changelog(None)),
            None if text == "github" => Ok(Self::GitHub),
            None if text == "gitlab" => Ok(Self::GitLab),
            Some(("changelog", file)) if !file.is_empty() => Ok(Self::Changelog(Some(file.into()))),
            Some(("file", file)) if !file.is_empty() => Ok(Self::File(file.into())),
            _ => Err("it is not changelog, changelog:FILE, github, gitlab or file:FILE".to_owned()),
        }
    }
}

impl NotesOptions {
    /// Reads the release notes and sets them in the package. The changelog is that of the built archive, or otherwise the one in `folder`.
    pub(super) async fn apply(
        &self,
        selected: &mut SelectedPackage,
        folder: &Path,
        built: Option<&TagArchive>,
        output: Output,
    ) -> Result {
        if self.notes_from.is_empty() {
            return Ok(());
        }
        let sources =
            self.notes_from.iter().map(|from| self.source(from, folder, built)).collect::<Result<Vec<_>>>()?;
        let changes = &mut selected.package.changes;
        let notes = read_notes(&sources, changes.version.as_deref(), built.map(|built| built.tag.as_str())).await?;
        let characters = notes.html.chars().count();
        output.note(format_args!("release notes from {}: {characters} characters", escaped(&notes.source)));
        for warning in &notes.warnings {
            output.note(format_args!("release notes: {}", escaped(warning)));
        }
        changes.release_notes = Some(notes.html);
        Ok(())
    }

    fn source(&self, from: &NotesFrom, folder: &Path, built: Option<&TagArchive>) -> Result<NotesSource> {
        Ok(match from {
            NotesFrom::Changelog(Some(file)) => NotesSource::Changelog(file.clone()),
            NotesFrom::Changelog(None) => match built {
                Some(TagArchive { changelog: Some(text), tag, .. }) => {
                    NotesSource::ChangelogText { name: format!("{CHANGELOG} of tag {tag}"), text: text.clone() }
                }
                Some(TagArchive { tag, .. }) => {
                    return Err(Failure::new(Exit::NotFound, "there are no release notes")
                        .why(format!("the folder of the package has no {CHANGELOG} at tag {}", escaped(tag)))
                        .next(format!(
                            "add one and move the tag, or pass a file: --notes-from changelog:{CHANGELOG}"
                        )));
                }
                None => NotesSource::Changelog(folder.join(CHANGELOG)),
            },
            NotesFrom::File(file) => NotesSource::File(file.clone()),
            NotesFrom::GitHub => {
                let token = variable("GITHUB_TOKEN").or_else(|| variable("GH_TOKEN"));
                NotesSource::Release(HostedRepository {
                    host: CodeHost::GitHub,
                    api_url: api_url("GITHUB_API_URL", "https://api.github.com")?,
                    repository: self.repository("GITHUB_REPOSITORY")?,
                    token: token.map(Secret::new),
                })
            }
            NotesFrom::GitLab => {
                let token = variable("GITLAB_TOKEN");
                let host = if token.is_some() { CodeHost::GitLab } else { CodeHost::GitLabJob };
                NotesSource::Release(HostedRepository {
                    host,
                    api_url: api_url("CI_API_V4_URL", "https://gitlab.com/api/v4")?,
                    repository: self.repository("CI_PROJECT_ID")?,
                    token: token.or_else(|| variable("CI_JOB_TOKEN")).map(Secret::new),
                })
            }
        })
    }

    fn repository(&self, name: &str) -> Result<String> {
        self.notes_repository.clone().or_else(|| variable(name)).ok_or_else(|| {
            Failure::usage("the repository of the release notes is not known")
                .why(format!("{name} is not set, as it is in a CI job"))
                .next("pass the repository: --notes-repository REPOSITORY")
        })
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the URL of an API, which CI jobs have in a variable.
fn api_url(name: &str, default: &str) -> Result<Url> {
    let url = variable(name).unwrap_or_else(|| default.to_owned());
    url.parse()
        .map_err(|_| Failure::usage(format!("{name} is not a URL")).next(format!("set it like {default}, or unset it")))
}
