//! What every row stands on: how much to measure, where to put things, and a runtime for what is not measured.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Failure;
use crate::scale::Scale;

/// Made anew for each row.
pub(crate) struct Ground {
    pub(crate) scale: Scale,
    runtime: Runtime,
    folder: TempDir,
}

impl Ground {
    pub(crate) fn new(scale: Scale) -> Result<Self, Failure> {
        // Its tasks run only while something is waited for: nothing of it competes with what is measured.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { scale, runtime, folder: tempfile::Builder::new().prefix("eqp-bench-").tempdir()? })
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Gone after the row.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A place in the folder of what is built, `target` unless told otherwise.
pub(crate) fn kept(name: &str) -> PathBuf {
    let built = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.to_owned()));
    built.unwrap_or_else(std::env::temp_dir).join("bench").join(name)
}
