//! Reads small files whose paths users specify, such as certificates.
//!
//! Only regular files are opened, and pipes of a shell (`/dev/fd/63`), which have a writer. A named pipe without a writer would
//! block the process forever, including its shutdown, and a device may never end.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// More than any certificate chain needs.
const LARGEST: u64 = 1024 * 1024;

/// Reads a file of at most 1 MiB.
///
/// ```no_run
/// let pem = eqp_tls::read_small_file("fullchain.pem".as_ref())?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// - [`ErrorKind::InvalidInput`] if it is not a regular file.
/// - [`ErrorKind::FileTooLarge`] if it is larger.
/// - The error of the system if it cannot be read.
pub fn read_small_file(path: &Path) -> Result<Vec<u8>> {
    check_regular(path)?;
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if read as u64 > LARGEST {
        return Err(Error::new(ErrorKind::FileTooLarge, "the file is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// Checks that a path is not a named pipe, a device or a socket, without opening it. Folders are accepted.
///
/// ```no_run
/// eqp_tls::check_regular("fullchain.pem".as_ref())?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// - [`ErrorKind::InvalidInput`] if it is a named pipe, a device or a socket.
/// - The error of the system if its metadata cannot be read.
pub fn check_regular(path: &Path) -> Result<()> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::InvalidInput, "not a regular file"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_may_never_end_are_refused() {
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
