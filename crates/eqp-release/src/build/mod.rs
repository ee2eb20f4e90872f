//! Builds the archive of a package from a git tag, or from a folder as it is on disk.
//!
//! The bytes of an archive depend only on the commit, the patterns of excluded files and the version of this crate, not on the machine, its
//! configuration, its time zone or its umask.

mod commit;
mod composer_version;
mod error;
mod excludes;
mod git;
mod output;
mod pack;
mod reader;
mod select;
mod tree;
mod working_tree;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eqp_check::Cancellation;
use eqp_check::internal::MAX_ARCHIVE_BYTES;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub use composer_version::{BuiltVersion, VersionFrom};
pub use error::{BuildError, LinkProblem, ZipFailure};
pub use excludes::{DEFAULT_EXCLUDES, Excludes, ExclusionOrigin};
pub use output::OutputState;
pub use select::Exclusion;

use self::commit::Repository;
use self::git::Git;
use self::pack::{Compression, PackedFile, pack, sha256};
use self::reader::Reader;
use self::select::{Selected, Selection, select};
use self::tree::{Content, FileKind, TreeFile};
use self::working_tree::{WorkingTree, all_files, tracked};
use crate::check::CheckedArchive;
use crate::manifest::default_item_id;
use crate::task_error::run_cancellable;

/// The default timeout of all git commands together.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(2);
/// The beginning and the maximum size of a pointer of Git LFS.
const LFS_POINTER: (&[u8], usize) = (b"version https://git-lfs.github.com/spec/", 1024);
const COMPOSER_JSON: &str = "composer.json";
const CHANGELOG: &str = "CHANGELOG.md";

/// Configures and runs a build.
///
/// ```no_run
/// use eqp_release::build::Build;
///
/// # async fn example() -> Result<(), eqp_release::build::BuildError> {
/// let signal = tokio_util::sync::CancellationToken::new();
/// let built = Build::from_tag("badges", "v1.5.0").run(&signal).await?;
/// let path = built.file_name();
/// built.write(path.as_ref(), false)?;
/// println!("{path}: {} files, SHA-256 {}", built.files, built.sha256);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a build does nothing until `run` is called"]
pub struct Build {
    folder: PathBuf,
    /// The tag, or `None` for the folder as it is.
    tag: Option<String>,
    excludes: Excludes,
    version_from: Option<VersionFrom>,
    programs: OsString,
    timeout: Duration,
    is_for_check: bool,
}

/// A built archive, which is not written yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BuiltArchive {
    /// The zip file.
    pub bytes: Arc<[u8]>,
    /// The SHA-256 checksum of the zip file, in hex.
    pub sha256: String,
    /// The origin of the files.
    pub source: BuiltFrom,
    /// The number of files in it.
    pub files: usize,
    /// The files that were not packed.
    pub excluded: Vec<Exclusion>,
    /// The patterns of the caller that match no file.
    pub unmatched: Vec<String>,
    /// The symbolic links that were replaced by the files that they point to.
    pub links: Vec<String>,
    /// The content of `CHANGELOG.md` at the top of the folder, packed or not.
    pub changelog: Option<String>,
    /// The name of the package in composer.json.
    pub name: Option<String>,
    /// The version of the package, if there is one.
    pub version: Option<BuiltVersion>,
    /// The files that it was built from, which writing it must not overwrite.
    inputs: Vec<PathBuf>,
    folder: PathBuf,
}

/// The origin of the files of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BuiltFrom {
    /// The commit of a tag.
    Tag {
        /// The tag.
        tag: String,
        /// The ID of its commit.
        commit: String,
    },
    /// The working tree of a repository.
    WorkingTree {
        /// The ID of the commit that is checked out, if there is one.
        commit: Option<String>,
        /// The number of files that differ from this commit or are not part of it.
        changed_files: usize,
    },
    /// A folder that is not in a repository.
    Folder,
}

impl Build {
    /// Configures a build of a folder of a repository, as it is in the commit of a tag. The working tree is not read.
    pub fn from_tag(folder: impl Into<PathBuf>, tag: impl Into<String>) -> Self {
        Self { tag: Some(tag.into()), ..Self::from_working_tree(folder) }
    }

    /// Configures a build of a folder as it is on disk. In a repository, files that git ignores are not packed.
    pub fn from_working_tree(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            tag: None,
            excludes: Excludes::default_and([""; 0]).expect("the default patterns are valid"),
            version_from: None,
            programs: std::env::var_os("PATH").unwrap_or_default(),
            timeout: DEFAULT_TIMEOUT,
            is_for_check: false,
        }
    }

    /// Sets the patterns of files that are not packed. By default, these are [`DEFAULT_EXCLUDES`].
    pub fn excludes(mut self, excludes: Excludes) -> Self {
        self.excludes = excludes;
        self
    }

    /// Sets which version is used if the tag and composer.json have different ones. By default, this is an error.
    pub fn version_from(mut self, from: VersionFrom) -> Self {
        self.version_from = Some(from);
        self
    }

    /// Sets the folders in which git is searched, in the form of the variable `PATH` (default: its value).
    pub fn programs(mut self, path: impl Into<OsString>) -> Self {
        self.programs = path.into();
        self
    }

    /// Sets the timeout of all git commands together (default: two minutes).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Builds an archive that is only checked: its files are not compressed, unless it would then be larger than the store accepts.
    pub fn for_check(mut self) -> Self {
        self.is_for_check = true;
        self
    }

    /// Builds the archive in memory, on a blocking thread. `signal` cancels it and the git commands that it has started.
    ///
    /// # Errors
    /// [`BuildError`] if the files cannot be read, or cannot be files of an archive.
    pub async fn run(self, signal: &CancellationToken) -> Result<BuiltArchive, BuildError> {
        run_cancellable(signal, move |cancellation| self.run_blocking(cancellation))
            .await
            .map_err(BuildError::Aborted)?
    }

    fn run_blocking(&self, cancellation: &Cancellation) -> Result<BuiltArchive, BuildError> {
        if !self.folder.is_dir() {
            return Err(BuildError::NotAFolder { path: self.folder.clone() });
        }
        let folder = self.folder.canonicalize();
        let folder = folder.map_err(|source| BuildError::Read { path: self.folder.clone(), source })?;
        let (files, source, reader) = self.list(&folder, cancellation)?;
        let changelog = changelog(&files, &reader)?;
        // Archives that were built earlier may be replaced.
        let kept = files.iter().filter(|file| Path::new(&file.path).extension().is_none_or(|kind| kind != "zip"));
        let mut inputs: Vec<PathBuf> = kept.map(|file| folder.join(&file.path)).collect();
        let Selection { files, excluded, links, unmatched } = select(&files, &self.excludes, &reader)?;
        inputs.extend(files.iter().map(|file| folder.join(&file.path)));
        let named: Vec<(&str, &Content)> = files.iter().map(|file| (file.path.as_str(), &file.content)).collect();
        let contents = reader.contents(&named)?;
        let mut packed = Vec::with_capacity(files.len());
        let (mut name, mut version) = (None, None);
        for (Selected { path, is_executable, .. }, mut content) in files.into_iter().zip(contents) {
            if content.len() <= LFS_POINTER.1 && content.starts_with(LFS_POINTER.0) {
                return Err(BuildError::LfsPointer { path });
            }
            if path == COMPOSER_JSON {
                let decided = composer_version::decide(&content, self.tag.as_deref(), self.version_from)?;
                (name, version) = (composer_version::name(&content), decided.version);
                content = decided.content.unwrap_or(content);
            }
            packed.push(PackedFile { path, content, is_executable });
        }
        let bytes = self.pack(&packed, cancellation)?;
        Ok(BuiltArchive {
            sha256: sha256(&bytes),
            bytes: bytes.into(),
            source,
            files: packed.len(),
            excluded,
            unmatched,
            links,
            changelog,
            name,
            version,
            inputs,
            folder,
        })
    }

    /// Lists the files of the tag or of the folder.
    fn list(
        &self,
        folder: &Path,
        cancellation: &Cancellation,
    ) -> Result<(Vec<TreeFile>, BuiltFrom, Reader), BuildError> {
        let git = || Git::installed(&self.programs, self.timeout, cancellation.clone());
        let Some(tag) = &self.tag else {
            let reader = Reader::Disk(cancellation.clone());
            // Without a repository, git is not needed.
            let is_in_repository = folder.ancestors().any(|folder| folder.join(".git").exists());
            let git = if is_in_repository { Some(git()?) } else { None };
            let repository = git.as_ref().map(|git| Repository::discover(git, folder)).transpose()?.flatten();
            let (Some(git), Some(repository)) = (git, repository) else {
                return Ok((all_files(folder)?, BuiltFrom::Folder, reader));
            };
            let (files, WorkingTree { commit, changed }) = tracked(&git, &repository, folder)?;
            return Ok((files, BuiltFrom::WorkingTree { commit, changed_files: changed }, reader));
        };
        let git = git()?;
        let repository = Repository::discover(&git, folder)?
            .ok_or_else(|| BuildError::NotARepository { folder: self.folder.clone() })?;
        let commit = repository.commit_of(&git, tag)?;
        let (files, objects) = repository.files_of(git, tag, &commit)?;
        Ok((files, BuiltFrom::Tag { tag: tag.clone(), commit }, Reader::Commit(objects)))
    }

    fn pack(&self, files: &[PackedFile], cancellation: &Cancellation) -> Result<Vec<u8>, BuildError> {
        let bytes: u64 = files.iter().map(|file| file.content.len() as u64).sum();
        if self.is_for_check && bytes <= MAX_ARCHIVE_BYTES {
            let stored = pack(files, Compression::Store, cancellation)?;
            if stored.len() as u64 <= MAX_ARCHIVE_BYTES {
                return Ok(stored);
            }
        }
        pack(files, Compression::Deflate, cancellation)
    }
}

/// Reads the changelog at the top of the folder. Bytes that are not UTF-8 are replaced.
fn changelog(files: &[TreeFile], reader: &Reader) -> Result<Option<String>, BuildError> {
    let Some(file) = files.iter().find(|file| file.path == CHANGELOG) else { return Ok(None) };
    let FileKind::File { content, .. } = &file.kind else { return Ok(None) };
    let contents = reader.contents(&[(CHANGELOG, content)])?;
    Ok(contents.first().map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

impl BuiltArchive {
    /// Returns the archive for a check. `name` is its name in the report.
    pub fn checked(&self, name: impl Into<String>) -> CheckedArchive {
        CheckedArchive::Built { name: name.into(), sku: self.name.clone(), bytes: Arc::clone(&self.bytes) }
    }

    /// Returns a file name for the archive: the name and the version of the package, or that of the folder.
    pub fn file_name(&self) -> String {
        let version = self.version.as_ref().map(|version| version.version.as_str());
        let stem = match (&self.name, version) {
            (Some(name), Some(version)) => default_item_id(name, version),
            (Some(name), None) => name.replace('/', "-"),
            (None, _) => self.folder.file_name().map_or_else(|| "package".into(), |name| name.to_string_lossy().into()),
        };
        format!("{}.zip", stem.trim_start_matches('.').replace(['/', '\\'], "-"))
    }
}
