//! Reads the content of files, from a commit or from disk.

use std::io::Read;
use std::path::Path;

use eqp_check::Cancellation;

use super::commit::Objects;
use super::error::BuildError;
use super::tree::{Budget, Content};

/// The place that files are read from.
pub(super) enum Reader {
    /// Files of a commit.
    Commit(Objects),
    /// Files on disk.
    Disk(Cancellation),
}

impl Reader {
    /// Returns the content of files, in their order. All of them together must not be larger than the content of an archive.
    pub(super) fn contents(&self, files: &[(&str, &Content)]) -> Result<Vec<Vec<u8>>, BuildError> {
        let mut budget = Budget::default();
        match self {
            Self::Commit(objects) => objects.contents(files, &mut budget),
            Self::Disk(cancellation) => {
                let read = |&(path, content): &(&str, &Content)| {
                    if cancellation.is_cancelled() {
                        return Err(BuildError::Cancelled);
                    }
                    match content {
                        Content::Disk(file) => read_file(path, file, &mut budget),
                        Content::Object(_) => unreachable!("files on disk are not objects"),
                    }
                };
                files.iter().map(read).collect()
            }
        }
    }

    /// Returns the targets of links.
    pub(super) fn targets(&self, links: &[(&str, &Content)]) -> Result<Vec<Vec<u8>>, BuildError> {
        match self {
            Self::Commit(_) => self.contents(links),
            Self::Disk(_) => links.iter().map(|(_, content)| read_link(content)).collect(),
        }
    }
}

fn read_file(path: &str, file: &Path, budget: &mut Budget) -> Result<Vec<u8>, BuildError> {
    let unreadable = |source| BuildError::Read { path: file.to_owned(), source };
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let bytes = opened.metadata().map_err(unreadable)?.len();
    budget.take(path, bytes)?;
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    // A file that grows while it is read is cut off at the size that was counted.
    opened.take(bytes).read_to_end(&mut content).map_err(unreadable)?;
    Ok(content)
}

fn read_link(content: &Content) -> Result<Vec<u8>, BuildError> {
    let Content::Disk(link) = content else { unreachable!("files on disk are not objects") };
    let target = std::fs::read_link(link).map_err(|source| BuildError::Read { path: link.clone(), source })?;
    Ok(target.to_string_lossy().replace('\\', "/").into_bytes())
}
