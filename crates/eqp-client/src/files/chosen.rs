//! A file that may be uploaded: looked at before a byte is sent.

use std::path::{Path, PathBuf};

use super::FileKind;
use crate::error::Error;
use crate::problem::FileProblem;

/// A file of a known type, within the limits, that can be opened.
#[derive(Clone, Debug)]
pub(super) struct ChosenFile {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) kind: FileKind,
    pub(super) bytes: u64,
}

impl ChosenFile {
    /// Looks at the file.
    pub(super) async fn look_at(path: &Path) -> Result<Self, Error> {
        match Self::examine(path).await {
            Ok(file) => Ok(file),
            Err(problem) => Err(Error::File { path: path.to_owned(), problem }),
        }
    }

    async fn examine(path: &Path) -> Result<Self, FileProblem> {
        let unreadable = |error: std::io::Error| FileProblem::Unreadable(error.to_string());
        let found = tokio::fs::metadata(path).await.map_err(unreadable)?;
        if found.is_dir() {
            return Err(FileProblem::Folder);
        }
        // Opening a pipe would wait for somebody to write into it.
        if !found.is_file() {
            return Err(FileProblem::NotAFile);
        }
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.contains(char::is_control));
        let name = name.ok_or(FileProblem::UnusableName)?.to_owned();
        let kind = FileKind::of(path).ok_or(FileProblem::UnknownType)?;
        let bytes = found.len();
        if bytes == 0 {
            return Err(FileProblem::Empty);
        }
        let limit = kind.size_limit();
        if bytes > limit {
            return Err(FileProblem::TooLarge { bytes, limit });
        }
        tokio::fs::File::open(path).await.map_err(unreadable)?;
        Ok(Self { path: path.to_owned(), name, kind, bytes })
    }
}
