//! The files of a package before they are packed: their names, and where their content is.

use std::io::BufRead;
use std::path::PathBuf;

use eqp_check::internal::MAX_UNPACKED_BYTES;

use super::error::BuildError;

/// A file, a link or another entry below the folder.
#[derive(Clone, Debug)]
pub(super) struct TreeFile {
    /// The path from the folder, with `/` as separator. Bytes that are not UTF-8 are replaced.
    pub(super) path: String,
    /// Whether the path is UTF-8.
    pub(super) is_utf8: bool,
    pub(super) kind: FileKind,
    /// Whether an attribute `export-ignore` excludes it.
    pub(super) is_export_ignored: bool,
}

/// The kind of an entry.
#[derive(Clone, Debug)]
pub(super) enum FileKind {
    /// A file.
    File { content: Content, is_executable: bool },
    /// A symbolic link. Its content is the target.
    Link(Content),
    /// A submodule, or another repository inside of the folder.
    Submodule,
    /// A device, a pipe or a socket.
    Special,
}

/// The place of the content of a file.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// An object of the repository, by its ID.
    Object(String),
    /// A file on disk.
    Disk(PathBuf),
}

impl TreeFile {
    /// Creates an entry from the bytes of its path.
    pub(super) fn new(path: &[u8], kind: FileKind) -> Self {
        let is_utf8 = std::str::from_utf8(path).is_ok();
        Self { path: String::from_utf8_lossy(path).into_owned(), is_utf8, kind, is_export_ignored: false }
    }
}

/// Iterates over the folders above a path, from the outermost, each with a trailing `/`.
pub(super) fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..=at])
}

/// The number of bytes that may still be read.
pub(super) struct Budget(u64);

impl Default for Budget {
    /// Returns the size that the content of an archive can have.
    fn default() -> Self {
        Self(MAX_UNPACKED_BYTES)
    }
}

impl Budget {
    /// Takes the bytes of a file.
    pub(super) fn take(&mut self, path: &str, bytes: u64) -> Result<(), BuildError> {
        let too_large = || BuildError::TooLarge { path: path.to_owned(), limit: MAX_UNPACKED_BYTES };
        self.0 = self.0.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }
}

/// Reads one answer of `git cat-file --batch`. Returns `None` if the object is missing.
pub(super) fn read_object(
    output: &mut dyn BufRead,
    path: &str,
    budget: &mut Budget,
) -> std::io::Result<Option<Result<Vec<u8>, BuildError>>> {
    let mut header = Vec::new();
    output.read_until(b'\n', &mut header)?;
    let header = String::from_utf8_lossy(&header);
    let Some(bytes) = header.trim_end().rsplit(' ').next().and_then(|bytes| bytes.parse::<u64>().ok()) else {
        let is_missing = header.trim_end().ends_with(" missing");
        return if is_missing { Ok(None) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) };
    };
    if let Err(error) = budget.take(path, bytes) {
        return Ok(Some(Err(error)));
    }
    let length = usize::try_from(bytes).map_err(std::io::Error::other)?;
    let mut content = vec![0; length];
    output.read_exact(&mut content)?;
    let mut line_end = [0];
    output.read_exact(&mut line_end)?;
    Ok(Some(Ok(content)))
}
