//! Reads secrets from files, as administrators write them and as orchestrators mount them.
//!
//! A file is only used if nobody but its owner can read it, or if something else protects it: a read-only mount, as
//! Kubernetes makes for its secrets, or a folder in which a container engine or systemd presents them, with modes of their
//! own choice. Links are followed. What editors and shells add to the text (a byte order mark, line ends) does not belong
//! to the secret; any other control character is refused, because neither Basic authentication nor a URL can carry it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use eqp_types::Secret;
use rustix::fs::{StatVfsMountFlags, fstatvfs};

/// Where container engines present secrets.
const PRESENTED: [&str; 2] = ["/run/secrets", "/var/run/secrets"];
/// Where systemd presents the credentials of a service.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// Far more than any secret has: a larger file was named by mistake.
const LARGEST: u64 = 64 * 1024;

/// Why a file with a secret cannot be used. Never repeats any of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is a folder.
    #[error("{} is a folder, not a file", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// Other users of this machine can read it.
    #[error("others can read {}: its mode is {mode:04o}, and has to be 0600", path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// What it contains cannot be a secret.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: SecretTextError,
    },
}

/// Why a text cannot be a secret. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretTextError {
    /// There is nothing in it but line ends.
    #[error("it is empty")]
    Empty,
    /// It has more than one line.
    #[error("it has several lines: a secret is one line")]
    SeveralLines,
    /// It contains another control character, such as a tab.
    #[error("it contains a control character, which no request could carry")]
    ControlCharacter,
    /// It is text in another encoding, or no text at all.
    #[error("it is not UTF-8 text")]
    NotUtf8,
    /// It is far larger than a secret.
    #[error("it is larger than 64 KiB")]
    TooLarge,
}

impl SecretFileError {
    /// Whether there is no such file.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

/// Reads the secret in a file.
///
/// # Errors
/// The file cannot be read, is a folder, can be read by others, or holds something that cannot be a secret.
pub fn read_secret_file(path: &Path) -> Result<Secret, SecretFileError> {
    let mut file = open(path)?;
    let content = |reason| SecretFileError::Content { path: path.to_owned(), reason };
    read_secret(&mut file).map_err(|error| unreadable(path, error))?.map_err(content)
}

/// Refuses a file that holds a secret among other things, as [`read_secret_file`] does, without reading it.
///
/// # Errors
/// The file cannot be read, is a folder, or can be read by others.
pub fn check_secret_file(path: &Path) -> Result<(), SecretFileError> {
    open(path).map(drop)
}

/// Reads a secret up to the end of an input.
///
/// # Errors
/// The input cannot be read; what it holds cannot be a secret.
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

/// The secret in a text: without a byte order mark before and line ends behind it.
///
/// # Errors
/// There is nothing in it, or a control character.
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

/// Opens a file that only its owner can read, or that something else protects.
fn open(path: &Path) -> Result<File, SecretFileError> {
    let failed = |error| unreadable(path, error);
    eqp_tls::check_regular(path).map_err(failed)?;
    let file = File::open(path).map_err(failed)?;
    // Of what was opened: the path could lead elsewhere by now.
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

/// Whether the file is in a folder in which an orchestrator presents secrets, as it is named or where its links lead to.
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
