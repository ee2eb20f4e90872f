//! Lists the files of a folder as they are on disk: in a repository those that git tracks or would track, otherwise all.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use eqp_check::internal::MAX_ENTRIES;

use super::commit::{Repository, mark_export_ignored};
use super::error::BuildError;
use super::git::Git;
use super::tree::{Content, FileKind, TreeFile};

/// A folder that is not a repository may have this many files; more are not listed.
const MAX_LISTED: usize = 500_000;
/// The deepest folder that is listed.
const MAX_DEPTH: usize = 128;

/// The state of a working tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WorkingTree {
    /// The checked-out commit.
    pub(super) commit: Option<String>,
    /// The number of files that differ from the commit, or are not part of it.
    pub(super) changed: usize,
}

/// Lists the files of a folder in a repository.
pub(super) fn tracked(
    git: &Git,
    repository: &Repository,
    folder: &Path,
) -> Result<(Vec<TreeFile>, WorkingTree), BuildError> {
    let filters = disabled_filters(git, folder)?;
    let run = |arguments: &[&str], input: Vec<u8>| {
        let filters: Vec<&str> = filters.iter().flat_map(|setting| ["-c", setting]).collect();
        git.run(git.in_folder(folder, &[&filters[..], arguments].concat()), input)
    };
    let listing = run(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"], Vec::new())?;
    let names: BTreeSet<&[u8]> = listing.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        // Another repository is listed as a folder.
        if let Some(name) = name.strip_suffix(b"/") {
            files.push(TreeFile::new(name, FileKind::Submodule));
            continue;
        }
        let path = path_of(folder, name);
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            // A tracked file was deleted, or its folder replaced by a file.
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                continue;
            }
            Err(source) => return Err(BuildError::Read { path, source }),
        };
        let kind = if metadata.is_dir() { FileKind::Submodule } else { kind(&metadata, path) };
        files.push(TreeFile::new(name, kind));
    }
    mark_export_ignored(&mut files, "", |input| run(&["check-attr", "-z", "--stdin", "export-ignore"], input))?;
    let status = run(&["status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", "."], Vec::new())?;
    let changed = status.split(|byte| *byte == 0).filter(|line| !line.is_empty()).count();
    Ok((files, WorkingTree { commit: repository.resolve(git, "HEAD")?, changed }))
}

/// Returns settings that disable the filters of the repository, which are programs.
fn disabled_filters(git: &Git, folder: &Path) -> Result<Vec<String>, BuildError> {
    let arguments = ["config", "-z", "--name-only", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$"];
    // The exit code is 1 if there are none.
    let (names, _) = git.output(git.in_folder(folder, &arguments), Vec::new())?;
    let names = String::from_utf8_lossy(&names).into_owned();
    let names: BTreeSet<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
    Ok(names.into_iter().map(|name| format!("{name}=")).collect())
}

/// Lists all files of a folder that is not in a repository.
pub(super) fn all_files(folder: &Path) -> Result<Vec<TreeFile>, BuildError> {
    let mut files = Vec::new();
    list(folder, "", 0, &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn list(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<TreeFile>) -> Result<(), BuildError> {
    let unreadable = |source| BuildError::Read { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        let metadata = path.symlink_metadata().map_err(|source| BuildError::Read { path: path.clone(), source })?;
        let name = entry.file_name();
        let name = [prefix.as_bytes(), name.as_encoded_bytes()].concat();
        if !metadata.is_dir() {
            files.push(TreeFile::new(&name, kind(&metadata, path)));
        } else if entry.file_name() != ".git" && depth < MAX_DEPTH {
            let name = String::from_utf8_lossy(&name);
            list(&path, &format!("{name}/"), depth + 1, files)?;
        }
        if files.len() > MAX_LISTED {
            return Err(BuildError::TooManyFiles { files: files.len(), limit: MAX_ENTRIES });
        }
    }
    Ok(())
}

fn kind(metadata: &Metadata, path: PathBuf) -> FileKind {
    let is_executable = is_executable(metadata);
    let content = Content::Disk(path);
    if metadata.is_symlink() {
        FileKind::Link(content)
    } else if metadata.is_file() {
        FileKind::File { content, is_executable }
    } else {
        FileKind::Special
    }
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn path_of(folder: &Path, name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    folder.join(std::ffi::OsStr::from_bytes(name))
}

#[cfg(not(unix))]
fn path_of(folder: &Path, name: &[u8]) -> PathBuf {
    folder.join(&*String::from_utf8_lossy(name))
}
