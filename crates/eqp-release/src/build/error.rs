//! Errors of building an archive.

use std::path::PathBuf;

use crate::task_error::TaskError;

/// The reason why an archive could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The program `git` is not installed.
    #[error("git is not installed")]
    GitMissing,
    /// The path is not a folder.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The folder is not in a git repository.
    #[error("{} is not in a git repository", folder.display())]
    NotARepository {
        /// The folder.
        folder: PathBuf,
    },
    /// The repository has no such tag, or not its commit.
    #[error("the repository has no tag {tag}")]
    UnknownTag {
        /// The tag.
        tag: String,
        /// Whether the repository is a shallow clone, which may lack tags.
        is_shallow: bool,
        /// The newest tags of the repository.
        newest: Vec<String>,
    },
    /// The folder does not exist in the commit of the tag.
    #[error("the folder {folder} does not exist at tag {tag}")]
    NotInTag {
        /// The folder, from the top of the repository.
        folder: String,
        /// The tag.
        tag: String,
    },
    /// A git command failed.
    #[error("git {command} failed: {message}")]
    Git {
        /// The git command, such as `ls-tree`.
        command: String,
        /// The last lines that git printed to standard error.
        message: String,
    },
    /// A git command did not end in time.
    #[error("git {command} timed out after {seconds} s")]
    TimedOut {
        /// The git command.
        command: String,
        /// The timeout in seconds.
        seconds: u64,
    },
    /// The content of a file is not in the repository, because it is a partial clone.
    #[error("the content of {path} is not in the repository, which is a partial clone")]
    ContentMissing {
        /// The path.
        path: String,
    },
    /// The name of a file is not UTF-8.
    #[error("the name of {name} is not UTF-8")]
    NameNotUtf8 {
        /// The name, with replacement characters.
        name: String,
    },
    /// The names of two files are the same on Windows and macOS.
    #[error("the names of {first} and {second} differ only in letter case")]
    SameNames {
        /// The first name.
        first: String,
        /// The second name.
        second: String,
    },
    /// The folder contains another git repository.
    #[error("{path} is a submodule or another git repository")]
    Submodule {
        /// The path.
        path: String,
    },
    /// A file is a pointer of Git LFS.
    #[error("{path} is a Git LFS pointer, not the file itself")]
    LfsPointer {
        /// The path.
        path: String,
    },
    /// A symbolic link that cannot be replaced by the file that it points to.
    #[error("{path} is a symbolic link to {target}, {problem}")]
    Link {
        /// The path of the link.
        path: String,
        /// The target in the link.
        target: String,
        /// The problem.
        problem: LinkProblem,
    },
    /// A device, a pipe or a socket.
    #[error("{path} is a device, a pipe or a socket")]
    NotAFile {
        /// The path.
        path: String,
    },
    /// There are more files than an archive can have.
    #[error("there are {files} files, but an archive can have at most {limit}")]
    TooManyFiles {
        /// The number of files.
        files: usize,
        /// The maximum number.
        limit: u64,
    },
    /// The files are larger than the content of an archive can be.
    #[error("the files have more than {limit} bytes ({path} exceeds it)")]
    TooLarge {
        /// The first file that does not fit.
        path: String,
        /// The maximum size of all files together, in bytes.
        limit: u64,
    },
    /// No files are left.
    #[error("there are no files to pack")]
    NoFiles {
        /// The number of files that were excluded.
        excluded: usize,
    },
    /// A pattern is not valid.
    #[error("the pattern `{pattern}` is not valid: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The reason.
        reason: &'static str,
    },
    /// The tag and composer.json have different versions.
    #[error("tag {tag} has version {of_tag}, but composer.json has version {of_composer}")]
    OtherVersion {
        /// The tag.
        tag: String,
        /// The version in the tag.
        of_tag: String,
        /// The version in composer.json.
        of_composer: String,
    },
    /// The version is needed, but the tag has none.
    #[error("tag {tag} does not contain a version")]
    NoVersionInTag {
        /// The tag.
        tag: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Temporary files cannot be written.
    #[error("cannot write temporary files")]
    Scratch(#[source] std::io::Error),
    /// The archive cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The archive.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Another file with the name of the archive exists.
    #[error("{} exists and has other content", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The archive would overwrite one of the files of the package.
    #[error("{} is one of the files of the package", path.display())]
    OutputIsInput {
        /// The file.
        path: PathBuf,
    },
    /// The zip library could not write the archive.
    #[error("the archive cannot be created")]
    Zip(#[source] ZipFailure),
    /// The build was cancelled.
    #[error("the build was cancelled")]
    Cancelled,
    /// The task of the build was aborted.
    #[error("the build was aborted")]
    Aborted(#[source] TaskError),
}

/// A failure of the zip library.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ZipFailure(pub(super) zip::result::ZipError);

/// The reason why a symbolic link cannot be replaced by a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum LinkProblem {
    /// The target is outside of the folder.
    #[strum(serialize = "which is outside of the package")]
    Outside,
    /// The target does not exist.
    #[strum(serialize = "which does not exist in the package")]
    Missing,
    /// The target is a folder.
    #[strum(serialize = "which is a folder")]
    Folder,
    /// The target is a link that leads back to it, or to too many others.
    #[strum(serialize = "which does not lead to a file")]
    Loop,
}
