//! The file with the environment variables of a simulator. The first simulator in a folder writes `eqp.env`. Each
//! further one writes a file named after its port, and takes over `eqp.env` when the first one ends.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::folder::{cannot_write, write};
use crate::failure::Result;

/// The file of this simulator, which is removed on drop.
pub(super) struct EnvironmentFile {
    path: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

/// `eqp.env`, which belongs to one simulator at a time.
struct Shared {
    path: PathBuf,
    /// The lock, which is held while the file belongs to this simulator.
    lock: Option<File>,
    has_ended: bool,
}

impl EnvironmentFile {
    /// Writes the file. Calls `taken_over` if this simulator takes over `eqp.env` later.
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

    /// Returns whether `eqp.env` belongs to another simulator.
    pub(super) fn is_second(&self) -> bool {
        self.path != self.shared.lock().unwrap_or_else(PoisonError::into_inner).path
    }
}

impl Drop for EnvironmentFile {
    /// Removes the file, because its port is no longer listened on.
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
