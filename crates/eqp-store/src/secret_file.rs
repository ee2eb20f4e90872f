//! Reads secrets from files that administrators write or orchestrators mount.
//!
//! A file must be readable by its owner only, unless it is on a read-only mount, as Kubernetes creates for secrets, or in a folder in
//! which a container engine or systemd presents secrets with a mode of its choice. Links are followed. A byte order mark and line ends
//! at the end, which editors and shells add, are not part of the secret. Other control characters are rejected, because they cannot be
//! used in Basic authentication or in a URL.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use eqp_types::Secret;
use rustix::fs::{StatVfsMountFlags, fstatvfs};

/// The folders in which container engines present secrets.
const PRESENTED: [&str; 2] = ["/run/secrets", "/var/run/secrets"];
/// The environment variable with the folder in which systemd presents the credentials of a service.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// The maximum size of a secret file in bytes, far more than any secret needs. A larger file was probably specified by
/// mistake.
const LARGEST: u64 = 64 * 1024;

/// The reason why a file with a secret cannot be used. Never contains any part of the secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The path is a folder.
    #[error("{} is a folder, not a file", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// Other users of this machine can read the file.
    #[error("other users can read {}: its mode is {mode:04o} and must be 0600", path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// The mode of the file.
        mode: u32,
    },
    /// The content of the file is not a secret.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The problem with the content.
        reason: SecretTextError,
    },
}

/// The reason why a text is not a secret. Never contains any part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretTextError {
    /// The text is empty, apart from line ends.
    #[error("it is empty")]
    Empty,
    /// The text has more than one line.
    #[error("it has several lines: a secret is one line")]
    SeveralLines,
    /// The text contains a control character, such as a tab.
    #[error("it contains a control character, which cannot be sent in a request")]
    ControlCharacter,
    /// The bytes are not UTF-8 text.
    #[error("it is not UTF-8 text")]
    NotUtf8,
    /// The text is larger than 64 KiB.
    #[error("it is larger than 64 KiB")]
    TooLarge,
}

impl SecretFileError {
    /// Returns whether the error is that the file does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

/// Reads the secret in a file.
///
/// # Errors
///
/// Returns a [`SecretFileError`] if the file cannot be read, is not protected from other users, or does not contain a secret.
pub fn read_secret_file(path: &Path) -> Result<Secret, SecretFileError> {
    let mut file = open(path)?;
    let content = |reason| SecretFileError::Content { path: path.to_owned(), reason };
    read_secret(&mut file).map_err(|error| unreadable(path, error))?.map_err(content)
}

/// Checks that a file that contains a secret among other text is protected, by the rules of [`read_secret_file`].
///
/// # Errors
///
/// Returns a [`SecretFileError`] if the file cannot be read, is a folder, or is not protected from other users.
pub fn check_secret_file(path: &Path) -> Result<(), SecretFileError> {
    open(path).map(drop)
}

/// Reads a secret from an input, up to its end.
///
/// # Errors
///
/// Returns the outer error if the input cannot be read, and the inner one if it is not a secret.
pub fn read_secret(input: impl Read) -> std::io::Result<Result<Secret, SecretTextError>> {
    let mut bytes = Vec::new();
    let read = input.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if read as u64 > LARGEST {
        return Ok(Err(SecretTextError::TooLarge));
    }
    Ok(match std::str::from_utf8(&bytes) {
        Ok(text) => secret_text(text),
        Err(_) => Err(SecretTextError::NotUtf8),
    })
}

/// Returns the secret in a text, without a leading byte order mark and trailing line ends.
///
/// # Errors
///
/// Returns a [`SecretTextError`] if the text is empty, has several lines or contains a control character.
pub fn secret_text(text: &str) -> Result<Secret, SecretTextError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        Err(SecretTextError::Empty)
    } else if text.contains(['\n', '\r']) {
        Err(SecretTextError::SeveralLines)
    } else if text.contains(char::is_control) {
        Err(SecretTextError::ControlCharacter)
    } else {
        Ok(Secret::new(text))
    }
}

/// Opens a file that is protected from other users: by its mode, by a read-only mount, or by the folder that it is in.
fn open(path: &Path) -> Result<File, SecretFileError> {
    let failed = |error| unreadable(path, error);
    eqp_tls::check_regular(path).map_err(failed)?;
    let file = File::open(path).map_err(failed)?;
    // The metadata of the open file, because the path could lead to another file by now.
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(SecretFileError::Folder { path: path.to_owned() });
    }
    let for_others = metadata.permissions().mode() & 0o077;
    if for_others == 0 || is_on_read_only_mount(&file) || is_presented(path) {
        return Ok(file);
    }
    Err(SecretFileError::ReadableByOthers { path: path.to_owned(), mode: metadata.mode() & 0o7777 })
}

fn is_on_read_only_mount(file: &File) -> bool {
    fstatvfs(file).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Returns whether the path, or the file that its links lead to, is in a folder in which an orchestrator presents secrets.
fn is_presented(path: &Path) -> bool {
    let credentials = std::env::var_os(CREDENTIALS_DIRECTORY).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folders: Vec<PathBuf> = PRESENTED.into_iter().map(PathBuf::from).chain(credentials).collect();
    let named = std::path::absolute(path).ok().filter(|path| !path.components().any(|part| part.as_os_str() == ".."));
    [named, path.canonicalize().ok()]
        .into_iter()
        .flatten()
        .any(|path| folders.iter().any(|folder| path.starts_with(folder)))
}

fn unreadable(path: &Path, source: std::io::Error) -> SecretFileError {
    SecretFileError::Unreadable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_editors_and_shells_add_does_not_belong_to_a_secret() {
        for (text, secret) in [
            ("hush", "hush"),
            ("hush\n", "hush"),
            ("hush\n\n\n", "hush"),
            ("hush\r\n", "hush"),
            ("hush\r\n\r\n", "hush"),
            ("\u{feff}hush\r\n", "hush"),
            ("hush:with \n", "hush:with "),
            (" hüsh", " hüsh"),
        ] {
            assert_eq!(secret_text(text).unwrap().expose(), secret, "{text:?}");
        }
        for (text, reason) in [
            ("", SecretTextError::Empty),
            ("\n\r\n", SecretTextError::Empty),
            ("\u{feff}\n", SecretTextError::Empty),
            ("\nhush", SecretTextError::SeveralLines),
            ("hush\nhush", SecretTextError::SeveralLines),
            ("hu\tsh", SecretTextError::ControlCharacter),
            ("hush\0", SecretTextError::ControlCharacter),
            ("hu\u{85}sh", SecretTextError::ControlCharacter),
        ] {
            assert_eq!(secret_text(text).unwrap_err(), reason, "{text:?}");
        }
        let refused = |bytes: &[u8]| read_secret(bytes).unwrap().unwrap_err();
        assert_eq!(refused(b"\xff\xfeh\0u\0"), SecretTextError::NotUtf8);
        assert_eq!(refused(&vec![b'x'; 70_000]), SecretTextError::TooLarge);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_whatever_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        for (mode, fits) in
            [(0o600, true), (0o400, true), (0o440, false), (0o444, false), (0o640, false), (0o604, false)]
        {
            write(&file, "hush\n", 0o600);
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            for path in [&file, &link] {
                match read_secret_file(path) {
                    Ok(secret) => assert!(fits && secret.expose() == "hush", "{mode:o}"),
                    Err(error) => {
                        let told = error.to_string();
                        assert!(!fits && told.contains(&format!("{mode:04o}")) && !told.contains("hush"), "{told}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let told = read_secret_file(folder.path()).unwrap_err().to_string();
        assert!(told.ends_with("is a folder, not a file"), "{told}");
        assert!(read_secret_file(&folder.path().join("nothing")).unwrap_err().is_not_found());
        let dangling = folder.path().join("dangling");
        symlink(folder.path().join("nothing"), &dangling).unwrap();
        assert!(read_secret_file(&dangling).unwrap_err().is_not_found());
    }
}
