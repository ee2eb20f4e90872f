//! Checks the folder where callbacks are stored while the database is down: whether it can be written, and its free space.

use std::io;
use std::path::Path;

use eqp_receiver::SpoolSettings;
use eqp_sync::Check;
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, open, statvfs};
use rustix::io::Errno;

use crate::context::Context;
use crate::failure::{Exit, Failure};

const SPOOL: &str = "spool";
const DISK: &str = "disk";
/// Less free space than this, beside what the spool may still need, is a warning.
const RESERVE: u64 = 256 * 1024 * 1024;

/// Checks the folder of the spool and its disk, or the disk of the data folder if the spool is disabled.
pub(super) fn checks(context: &Context) -> [Check<Failure>; 2] {
    let data = match context.settings.data.look() {
        Ok(data) => data,
        Err(failure) => return [Check::absent(SPOOL, "not checked: see disk"), Check::new(DISK, Err(failure))],
    };
    let options = &context.settings.receiver;
    let folder = options.spool_dir.clone().unwrap_or_else(|| data.path().join("spool"));
    let bytes = options.spool_bytes.unwrap_or(SpoolSettings::DEFAULT_BYTES);
    let writable = match bytes {
        0 => Check::absent(SPOOL, "disabled: while the database is down, callbacks are answered 503 and not stored"),
        _ => writable(&folder),
    };
    [writable, free_space(&folder, bytes)]
}

/// Returns the folder itself or, because the first start creates it, the first folder above it that exists.
fn existing(folder: &Path) -> Option<&Path> {
    folder.ancestors().map(or_current).find(|folder| std::fs::symlink_metadata(folder).is_ok())
}

/// A relative path ends with an empty one, which means the current folder.
fn or_current(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// Checks whether files can be created in the folder, and whether those in it can be written. Leaves nothing behind.
fn writable(folder: &Path) -> Check<Failure> {
    let failed = |what: String, error: Errno| {
        let failure = Failure::new(Exit::Failed, what)
            .because(&io::Error::from(error))
            .next("give the user of `eqp serve` a folder of its own on a local disk: chown it, or choose another with --spool-dir")
            .next("until then, callbacks are answered 503 while the database is down");
        Check::new(SPOOL, Err(failure))
    };
    let Some(found) = existing(folder) else {
        return failed(format!("the spool folder {} cannot be reached", folder.display()), Errno::NOENT);
    };
    if let Err(error) = can_create(found) {
        return failed(format!("callbacks cannot be stored in {}", found.display()), error);
    }
    let files = std::fs::read_dir(found).into_iter().flatten().filter_map(Result::ok);
    for file in files.filter(|_| found == folder) {
        let path = file.path();
        if let Err(error) = accessat(CWD, &path, Access::READ_OK | Access::WRITE_OK, AtFlags::EACCESS) {
            return failed(format!("{} cannot be written", path.display()), error);
        }
    }
    let what = if found == folder { "can be written" } else { "can be created" };
    Check::new(SPOOL, Ok(format!("{} {what} by this user", folder.display())))
}

/// Returns whether a file can be created in a folder. The file never gets a name.
fn can_create(folder: &Path) -> Result<(), Errno> {
    match open(folder, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR) {
        Ok(_unnamed) => Ok(()),
        // Not every file system has unnamed files. Then only the rights are examined.
        Err(Errno::OPNOTSUPP | Errno::ISDIR) => {
            accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        }
        Err(error) => Err(error),
    }
}

fn free_space(folder: &Path, spool_bytes: u64) -> Check<Failure> {
    let Some(existing) = existing(folder) else {
        return Check::absent(DISK, format!("{} cannot be reached", folder.display()));
    };
    match statvfs(existing) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let text = format!("{} MB are free at {}", free / 1_000_000, existing.display());
            if free < spool_bytes.saturating_add(RESERVE) {
                return Check::warning(
                    DISK,
                    format!("only {text}; the spool may need {} MB", spool_bytes / 1_000_000),
                    "free some space, choose another disk with --spool-dir, or a smaller spool with --spool-bytes",
                );
            }
            Check::new(DISK, Ok(text))
        }
        Err(error) => Check::absent(DISK, format!("{} cannot be examined: {error}", existing.display())),
    }
}

#[cfg(test)]
mod tests {
    use eqp_sync::CheckState;

    use super::*;

    #[test]
    fn a_disk_without_space_for_the_spool_is_a_warning() {
        let folder = std::env::temp_dir().join("not created yet");
        assert!(matches!(free_space(&folder, 0).state, CheckState::Fine(text) if text.contains("MB are free")));
        assert!(
            matches!(free_space(&folder, u64::MAX).state, CheckState::Warning { what, .. } if what.starts_with("only "))
        );
    }

    #[test]
    fn a_folder_that_cannot_be_created_is_a_failure_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            matches!(writable(&folder.path().join("spool")).state, CheckState::Fine(text) if text.contains("can be created"))
        );
        assert!(matches!(writable(folder.path()).state, CheckState::Fine(text) if text.contains("can be written")));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let below = writable(&file.join("spool"));
        assert!(
            matches!(below.state, CheckState::Failed(failure) if failure.in_one_line().contains("cannot be stored in"))
        );
    }
}
