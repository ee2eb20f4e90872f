//! The lock file beside the spool, so that one process at a time has it open. The kernel releases the lock when the process
//! ends, even if it is killed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::Error;

const FILE: &str = "spool.lock";

/// The lock. It is held until this is dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "closing the file releases the lock")] File);

/// The time to wait for the lock. A tool that reads the spool, or a process that is ending, holds it only briefly.
const WAIT: Duration = Duration::from_secs(1);
/// The wait between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

impl Lock {
    /// Acquires the lock of a spool's folder. Waits for up to a second if another process holds it.
    pub(super) fn wait_for(folder: &Path) -> Result<Self, Error> {
        retry_while_held(WAIT, || Self::acquire(folder))
    }

    /// Acquires the lock of a spool's folder. Fails at once if another process holds it.
    pub(super) fn acquire(folder: &Path) -> Result<Self, Error> {
        let failed = |source| Error::SpoolFolder { folder: folder.to_owned(), source };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(folder.join(FILE))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::SpoolHeld { folder: folder.to_owned(), holder: pid(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // The process ID is only shown to users; the lock itself is in the kernel.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self(file))
    }

    /// Returns the process that holds the lock, if there is one.
    pub(super) fn holder(folder: &Path) -> Option<Holder> {
        let mut file = File::open(folder.join(FILE)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(Holder(pid(&mut file))),
            _ => None,
        }
    }
}

/// Retries an attempt while another process has the spool open, for at most `wait`.
pub(super) fn retry_while_held<T>(wait: Duration, mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let deadline = Instant::now() + wait;
    loop {
        let result = attempt();
        if !matches!(result, Err(Error::SpoolHeld { .. })) || Instant::now() >= deadline {
            return result;
        }
        std::thread::sleep(PAUSE);
    }
}

/// The process that has a spool open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl Holder {
    /// Returns its process ID, if it is known.
    pub fn process(self) -> Option<u32> {
        self.0
    }
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    // A process that is just starting has not written its ID yet.
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_released_soon_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::acquire(folder.path()).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::wait_for(folder.path()));
            // Long enough for a failed attempt. If there is none, the test passes without having tested the wait.
            std::thread::sleep(3 * PAUSE);
            drop(held);
            waiting.join().unwrap().unwrap();
        });
        drop(Lock::wait_for(folder.path()).unwrap());
    }

    #[test]
    fn a_lock_that_stays_held_is_an_error_that_names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder(folder.path()), None, "there is no lock yet");
        let held = Lock::acquire(folder.path()).unwrap();
        let begun = Instant::now();
        let Err(Error::SpoolHeld { holder, .. }) = Lock::wait_for(folder.path()) else { panic!("it is held") };
        assert_eq!(holder, Some(std::process::id()));
        assert!(begun.elapsed() >= WAIT);
        assert_eq!(Lock::holder(folder.path()), Some(Holder(Some(std::process::id()))));
        drop(held);
        assert_eq!(Lock::holder(folder.path()), None);
    }
}
