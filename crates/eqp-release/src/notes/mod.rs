//! Release notes: read from a changelog, from a release at GitHub or GitLab, or from a file, and converted to the simple HTML that the store
//! accepts.
//!
//! Sources are read in the order in which they are given, and the first one with notes for the version is used. It is an error
//! if none has any.

mod changelog;
mod error;
mod host;
mod markdown;

use std::path::{Path, PathBuf};

use eqp_check::internal::MAX_RELEASE_NOTES_CHARS;

pub use error::{HttpFailure, NotesError, Tried};
pub use host::{CodeHost, HostedRepository};
pub use markdown::{Converted, to_html};

/// A source of release notes.
#[derive(Clone, Debug)]
pub enum NotesSource {
    /// The section of the version in a changelog in the format of Keep a Changelog.
    Changelog(PathBuf),
    /// The same, of a changelog that was read already, for example from a git tag.
    ChangelogText {
        /// The name of the changelog for messages.
        name: String,
        /// The changelog.
        text: String,
    },
    /// The release of the version's tag at a code host.
    Release(HostedRepository),
    /// A whole file: HTML if its name ends with `.html` or `.htm`, otherwise Markdown.
    File(PathBuf),
}

/// Release notes that can be submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleaseNotes {
    /// The notes as HTML.
    pub html: String,
    /// The source that they were read from.
    pub source: String,
    /// The parts that could not be converted, as sentences without a full stop.
    pub warnings: Vec<String>,
}

/// Reads the release notes of a version from the first source that has them. At a code host, the release has the tag `tag`, or otherwise
/// the version with or without `v`.
///
/// # Errors
/// [`NotesError`] if no source has notes for the version, a source cannot be read, or the notes are too long.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_release::notes::{NotesSource, read_notes};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("CHANGELOG.md");
/// std::fs::write(&path, "# Changelog\n\n## [1.5.0] - 2026-11-01\n\n- Badges in the *cart*\n\n## [1.4.0]\n\n- Older\n")?;
/// let notes = read_notes(&[NotesSource::Changelog(path)], Some("1.5.0"), None).await?;
/// assert_eq!(notes.html, "<ul><li>Badges in the <em>cart</em></li></ul>");
/// # Ok(())
/// # }
/// ```
pub async fn read_notes(
    sources: &[NotesSource],
    version: Option<&str>,
    tag: Option<&str>,
) -> Result<ReleaseNotes, NotesError> {
    let mut tried = Vec::new();
    for source in sources {
        let name = source.name();
        let found = match source {
            NotesSource::File(path) => whole_file(path)?,
            NotesSource::Changelog(path) => {
                let text = read(path)?;
                let version = version.ok_or(NotesError::NoVersion)?;
                changelog::section(&text, version).map(|section| to_html(&section))
            }
            NotesSource::ChangelogText { text, .. } => {
                let version = version.ok_or(NotesError::NoVersion)?;
                changelog::section(text, version).map(|section| to_html(&section))
            }
            NotesSource::Release(repository) => {
                let tags = tags(version, tag)?;
                repository.notes(&tags).await?.map(|text| to_html(&text))
            }
        };
        let converted = match found {
            Ok(converted) if !converted.html.is_empty() => converted,
            Ok(_) => {
                tried.push(Tried { source: name, reason: "the notes are empty".to_owned() });
                continue;
            }
            Err(reason) => {
                tried.push(Tried { source: name, reason });
                continue;
            }
        };
        let characters = converted.html.chars().count();
        if characters > MAX_RELEASE_NOTES_CHARS {
            return Err(NotesError::TooLong { source_name: name, characters, limit: MAX_RELEASE_NOTES_CHARS });
        }
        return Ok(ReleaseNotes { html: converted.html, source: name, warnings: converted.warnings });
    }
    Err(NotesError::Missing { version: version.unwrap_or("(unknown)").to_owned(), tried })
}

impl NotesSource {
    /// Returns the name of the source for messages.
    fn name(&self) -> String {
        match self {
            Self::Changelog(path) | Self::File(path) => path.display().to_string(),
            Self::ChangelogText { name, .. } => name.clone(),
            Self::Release(repository) => repository.to_string(),
        }
    }
}

fn read(path: &Path) -> Result<String, NotesError> {
    std::fs::read_to_string(path).map_err(|source| NotesError::Read { path: path.to_owned(), source })
}

fn whole_file(path: &Path) -> Result<Result<Converted, String>, NotesError> {
    let text = read(path)?;
    let is_html = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("html") || extension.eq_ignore_ascii_case("htm"));
    let plain = || Converted { html: text.trim().to_owned(), warnings: Vec::new() };
    Ok(Ok(if is_html { plain() } else { to_html(&text) }))
}

/// Returns the tags under which a release may be published.
fn tags(version: Option<&str>, tag: Option<&str>) -> Result<Vec<String>, NotesError> {
    match (tag, version) {
        (Some(tag), _) => Ok(vec![tag.to_owned()]),
        (None, Some(version)) => {
            let version = version.trim_start_matches(['v', 'V']);
            Ok(vec![format!("v{version}"), version.to_owned()])
        }
        (None, None) => Err(NotesError::NoVersion),
    }
}
