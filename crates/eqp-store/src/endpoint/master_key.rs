//! The key from which the keys for hashing passwords, and for sealing passwords and access keys, are derived.
//!
//! It is stored in a file outside the database, so a copy of the database alone is not enough to call a receiver. The database stores
//! a fingerprint of the key, so a receiver with the wrong key fails at startup instead of rejecting every callback.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eqp_types::Secret;

use crate::Error;
use crate::secret_file::read_secret_file;

/// The length of a key in bytes.
const LENGTH: usize = 32;

/// The secret key of one installation. Cheap to clone.
///
/// ```no_run
/// // Created at the first start. Back it up: without it, the credentials in the database are useless.
/// let key = eqp_store::MasterKey::open("/var/lib/shop/eqp-master.key".as_ref())?;
/// # Ok::<_, eqp_store::Error>(())
/// ```
#[derive(Clone)]
pub struct MasterKey(Arc<Derived>);

/// One derived key per purpose, so that a weakness in one use does not affect another.
struct Derived {
    hashing: hmac::Key,
    sealing: [u8; LENGTH],
    sealing_access_keys: [u8; LENGTH],
    sealing_handlers: [u8; LENGTH],
    fingerprint: [u8; LENGTH],
}

impl MasterKey {
    /// Reads the key in the file `path`, and creates the file with mode 0600 if it does not exist.
    ///
    /// Only the owner may be able to read the file, unless it is on a read-only mount or in a folder in which an orchestrator presents
    /// secrets.
    ///
    /// # Errors
    ///
    /// Returns [`Error::MasterKeyUnreadable`] if the file cannot be read or other users can read it,
    /// [`Error::MasterKeyMalformed`] if it does not contain a key, and [`Error::MasterKeyFile`] if it cannot be created.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if let Some(key) = Self::find(path)? {
            return Ok(key);
        }
        make(path)?;
        // Read again, because another program may have created the file first, and both must use the same key.
        let text = read_secret_file(path).map_err(Error::MasterKeyUnreadable)?;
        Self::parse(&text, path)
    }

    /// Reads the key in the file `path`, or returns `None` if the file does not exist. Does not create a file.
    ///
    /// # Errors
    ///
    /// Returns [`Error::MasterKeyUnreadable`] if the file cannot be read or other users can read it, and
    /// [`Error::MasterKeyMalformed`] if it does not contain a key.
    pub fn find(path: &Path) -> Result<Option<Self>, Error> {
        match read_secret_file(path) {
            Ok(text) => Self::parse(&text, path).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(Error::MasterKeyUnreadable(error)),
        }
    }

    /// Creates a random key that is not stored anywhere, for tests and demonstrations.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Crypto`] if the system returns no random bytes.
    pub fn ephemeral() -> Result<Self, Error> {
        Self::from_bytes(&random()?)
    }

    /// Creates a key from 32 secret random bytes.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Crypto`] if the key derivation fails.
    pub fn from_bytes(bytes: &[u8; LENGTH]) -> Result<Self, Error> {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"eqp master key 1").extract(bytes);
        let derive = |purpose: &[u8]| {
            let mut key = [0; LENGTH];
            extracted
                .expand(&[purpose], hkdf::HKDF_SHA256)
                .and_then(|material| material.fill(&mut key))
                .map_err(|_| Error::Crypto)?;
            Ok::<_, Error>(key)
        };
        Ok(Self(Arc::new(Derived {
            hashing: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"hash passwords")?),
            sealing: derive(b"seal passwords")?,
            sealing_access_keys: derive(b"seal access keys")?,
            sealing_handlers: derive(b"seal secrets of handlers")?,
            fingerprint: derive(b"fingerprint")?,
        })))
    }

    /// Returns the fingerprint by which the database identifies the key. It is not secret.
    pub fn fingerprint(&self) -> &[u8; LENGTH] {
        &self.0.fingerprint
    }

    pub(super) fn hashing(&self) -> &hmac::Key {
        &self.0.hashing
    }

    pub(super) fn sealing(&self) -> &[u8; LENGTH] {
        &self.0.sealing
    }

    pub(super) fn sealing_access_keys(&self) -> &[u8; LENGTH] {
        &self.0.sealing_access_keys
    }

    pub(super) fn sealing_handlers(&self) -> &[u8; LENGTH] {
        &self.0.sealing_handlers
    }

    fn parse(text: &Secret, path: &Path) -> Result<Self, Error> {
        let malformed = || Error::MasterKeyMalformed { path: path.to_owned() };
        let bytes = URL_SAFE_NO_PAD.decode(text.expose().trim_ascii()).map_err(|_| malformed())?;
        let bytes: [u8; LENGTH] = bytes.try_into().map_err(|_| malformed())?;
        Self::from_bytes(&bytes)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([secret])")
    }
}

/// Returns 32 random bytes.
pub(super) fn random() -> Result<[u8; LENGTH], Error> {
    let mut bytes = [0; LENGTH];
    rand::fill(&mut bytes).map_err(|_| Error::Crypto)?;
    Ok(bytes)
}

/// Creates the file atomically, and never replaces an existing one.
fn make(path: &Path) -> Result<(), Error> {
    let text = format!("{}\n", URL_SAFE_NO_PAD.encode(random()?));
    // A random name, because a process in another container can have the same process ID.
    let draft = path.with_added_extension(format!("draft-{}", URL_SAFE_NO_PAD.encode(&random()?[..9])));
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft))
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.exists() => Ok(()),
        other => other.map_err(|source| unusable(path, source)),
    }
}

fn unusable(path: &Path, source: std::io::Error) -> Error {
    Error::MasterKeyFile { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn one_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(MasterKey::open(&path), Err(Error::MasterKeyUnreadable(_))));
        assert!(matches!(MasterKey::open(folder.path()), Err(Error::MasterKeyUnreadable(_))));
    }

    #[test]
    fn is_made_for_its_owner_only_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/master.key");
        let first = MasterKey::open(&path).unwrap();
        let second = MasterKey::open(&path).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft stays behind");
    }

    #[test]
    fn one_that_was_made_first_is_kept_by_whoever_comes_second() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        make(&path).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        make(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        let below_a_file = path.join("master.key");
        assert!(matches!(make(&below_a_file), Err(Error::MasterKeyFile { .. })));
        assert!(matches!(MasterKey::open(&below_a_file), Err(Error::MasterKeyUnreadable(_))));
    }

    #[test]
    fn a_file_with_something_else_in_it_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        fs::write(&path, "hunter2").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(MasterKey::open(&path), Err(Error::MasterKeyMalformed { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "hunter2");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", MasterKey::ephemeral().unwrap()), "MasterKey([secret])");
    }
}
