//! Writes a built archive: atomically, and never over a file of the package.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::BuiltArchive;
use super::error::BuildError;

/// The effect of writing an archive on its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OutputState {
    /// The file does not exist yet.
    New,
    /// The file exists and has the same bytes.
    Same,
    /// The file exists and is replaced.
    Replaced,
}

impl BuiltArchive {
    /// Returns what writing the archive to `path` would change. Writes nothing.
    ///
    /// # Errors
    /// [`BuildError::OutputIsInput`] if the file is one of those of the package; [`BuildError::Exists`] if it exists with other content
    /// and must not be replaced; [`BuildError::Read`] if it cannot be read.
    pub fn output_state(&self, path: &Path, may_replace: bool) -> Result<OutputState, BuildError> {
        if self.is_input(path) {
            return Err(BuildError::OutputIsInput { path: path.to_owned() });
        }
        let existing = match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() == self.bytes.len() as u64 => {
                std::fs::read(path).map_err(|source| BuildError::Read { path: path.to_owned(), source })?
            }
            Ok(_) => Vec::new(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(OutputState::New),
            Err(source) => return Err(BuildError::Read { path: path.to_owned(), source }),
        };
        if existing == *self.bytes {
            Ok(OutputState::Same)
        } else if may_replace {
            Ok(OutputState::Replaced)
        } else {
            Err(BuildError::Exists { path: path.to_owned() })
        }
    }

    /// Writes the archive to `path`, which afterwards has either its old or its new content. Creates the folder of the archive.
    ///
    /// # Errors
    /// Those of [`Self::output_state`], and [`BuildError::Write`] if the file cannot be written.
    pub fn write(&self, path: &Path, may_replace: bool) -> Result<OutputState, BuildError> {
        let state = self.output_state(path, may_replace)?;
        if state == OutputState::Same {
            return Ok(state);
        }
        let unwritable = |source| BuildError::Write { path: path.to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        let mut options = tempfile::Builder::new();
        options.prefix(".eqp-build-");
        #[cfg(unix)]
        options.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = options.tempfile_in(folder).map_err(unwritable)?;
        file.write_all(&self.bytes).and_then(|()| file.as_file().sync_all()).map_err(unwritable)?;
        let written = if may_replace { file.persist(path) } else { file.persist_noclobber(path) };
        match written {
            Ok(_) => Ok(state),
            // Another program has created it in the meantime.
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                Err(BuildError::Exists { path: path.to_owned() })
            }
            Err(error) => Err(unwritable(error.error)),
        }
    }

    fn is_input(&self, path: &Path) -> bool {
        let Some(name) = path.file_name() else { return false };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Ok(folder) = folder.canonicalize() else { return false };
        let resolved = path.canonicalize().unwrap_or_default();
        let path: PathBuf = folder.join(name);
        self.inputs.iter().any(|input| *input == path || *input == resolved)
    }
}
