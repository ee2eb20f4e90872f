//! One process at a time: a lock file beside the spool, freed by the kernel however its holder ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::Error;

const FILE: &str = "spool.lock";

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "closing the file frees the lock")] File);

/// Somebody who only looks into the spool, or is just ending, has the lock for a moment.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

impl Lock {
    /// Takes the lock of a spool's folder; refused where another process keeps it.
    pub(super) fn wait_for(folder: &Path) -> Result<Self, Error> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let taken = Self::take(folder);
            if !matches!(taken, Err(Error::SpoolHeld { .. })) || Instant::now() >= give_up {
                return taken;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Takes the lock of a spool's folder; refused where another process has it now.
    pub(super) fn take(folder: &Path) -> Result<Self, Error> {
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
        // Only for whoever asks who holds it; the lock itself is the kernel's.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self(file))
    }

    /// The process that has the lock, as far as it can be told; none where nobody has it.
    pub(super) fn holder(folder: &Path) -> Option<Holder> {
        let mut file = File::open(folder.join(FILE)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(Holder(pid(&mut file))),
            _ => None,
        }
    }
}

/// The process that has a spool open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl Holder {
    /// Its process id, where it is known.
    pub fn process(self) -> Option<u32> {
        self.0
    }
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    // A holder that is just starting has not written it yet.
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_soon_given_back_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::wait_for(folder.path()));
            // A moment in which it is refused; were there none, the test would show less, and not fail.
            std::thread::sleep(3 * PAUSE);
            drop(held);
            waiting.join().unwrap().unwrap();
        });
        drop(Lock::wait_for(folder.path()).unwrap());
    }

    #[test]
    fn a_lock_that_is_kept_is_refused_and_its_holder_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder(folder.path()), None, "there is no lock yet");
        let held = Lock::take(folder.path()).unwrap();
        let begun = Instant::now();
        let Err(Error::SpoolHeld { holder, .. }) = Lock::wait_for(folder.path()) else { panic!("it is held") };
        assert_eq!(holder, Some(std::process::id()));
        assert!(begun.elapsed() >= PATIENCE);
        assert_eq!(Lock::holder(folder.path()), Some(Holder(Some(std::process::id()))));
        drop(held);
        assert_eq!(Lock::holder(folder.path()), None);
    }
}
