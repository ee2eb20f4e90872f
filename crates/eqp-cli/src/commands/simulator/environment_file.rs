//! The file with the environment variables of one simulator. `eqp.env` belongs to the first one that runs in a folder; each
//! further one has a file named after its port, and takes `eqp.env` over when the first one ends.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::folder::{cannot_write, write};
use crate::failure::Result;

/// The file that this simulator has written, and that it removes when it ends.
pub(super) struct EnvironmentFile {
    path: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

/// `eqp.env`, which belongs to one simulator at a time.
struct Shared {
    path: PathBuf,
    /// Held as long as the file belongs to this simulator.
    lock: Option<File>,
    has_ended: bool,
}

impl EnvironmentFile {
    /// Writes the file. `taken_over` runs if `eqp.env` belongs to this simulator later on.
    pub(super) fn write(
        folder: &Path,
        port: u16,
        lines: String,
        taken_over: impl FnOnce(&Path) + Send + 'static,
    ) -> Result<Self> {
        let usual = folder.join("eqp.env");
        let lock_file = folder.join("eqp.env.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_file);
        let lock = lock.map_err(|error| cannot_write(&lock_file, &error))?;
        let (path, held) = match lock.try_lock() {
            Ok(()) => (usual.clone(), true),
            Err(TryLockError::WouldBlock) => (folder.join(format!("eqp-{port}.env")), false),
            Err(TryLockError::Error(error)) => return Err(cannot_write(&lock_file, &error)),
        };
        write(&path, &lines, 0o644)?;
        let shared = Shared { path: usual, lock: None, has_ended: false };
        let shared = Arc::new(Mutex::new(shared));
        if held {
            shared.lock().unwrap_or_else(PoisonError::into_inner).lock = Some(lock);
        } else {
            let shared = Arc::clone(&shared);
            // Not on the runtime, which would wait for it at the end.
            std::thread::spawn(move || {
                if lock.lock().is_err() {
                    return;
                }
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if !shared.has_ended && write(&shared.path, &lines, 0o644).is_ok() {
                    shared.lock = Some(lock);
                    taken_over(&shared.path);
                }
            });
        }
        Ok(Self { path, shared })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether another simulator has `eqp.env`.
    pub(super) fn is_second(&self) -> bool {
        self.path != self.shared.lock().unwrap_or_else(PoisonError::into_inner).path
    }
}

impl Drop for EnvironmentFile {
    /// A file that names a port where nothing listens any more would mislead.
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.has_ended = true;
        let _ = fs::remove_file(&self.path);
        if shared.lock.is_some() {
            let _ = fs::remove_file(&shared.path);
        }
        // Only now another simulator may write its own.
        shared.lock = None;
    }
}
