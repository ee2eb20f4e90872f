//! Reads small files that a person names, such as certificates.
//!
//! A named pipe without a writer would block its reader for ever, also from shutting down, and a device may never end. So
//! only regular files are opened, and pipes that a shell made (`/dev/fd/63`), which have a writer.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// More than any certificate chain needs.
const LARGEST: u64 = 1024 * 1024;

/// Reads a file of at most 1 MiB.
///
/// # Errors
/// The file cannot be read, is not a regular file, or is larger.
pub fn read_small_file(path: &Path) -> Result<Vec<u8>> {
    check_regular(path)?;
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if read as u64 > LARGEST {
        return Err(Error::new(ErrorKind::FileTooLarge, "it has more than 1 MiB"));
    }
    Ok(bytes)
}

/// Refuses a named pipe, a device and a socket, before they are opened.
///
/// # Errors
/// The file cannot be found, or is not a regular file.
pub fn check_regular(path: &Path) -> Result<()> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_never_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            assert_eq!(read_small_file(path).unwrap_err().kind(), ErrorKind::InvalidInput, "{}", path.display());
        }
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(LARGEST + 1).unwrap();
        assert_eq!(read_small_file(&large).unwrap_err().kind(), ErrorKind::FileTooLarge);
        fs::write(&large, "a certificate").unwrap();
        assert_eq!(read_small_file(&large).unwrap(), b"a certificate");
    }
}
