//! A certificate authority for development, whose key is stored on this machine.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::{Error, Identity};

/// The validity of the CA's own certificate.
const CA_LIFE: Duration = Duration::days(3650);
/// The validity of a server certificate. A new one is issued at each start.
const SERVER_LIFE: Duration = Duration::days(90);
/// The time by which certificates are backdated: the clock of a peer may be behind, or ours may have been ahead when
/// the certificate was issued.
const BACKDATED: Duration = Duration::days(2);

/// A local certificate authority for development and tests. Peers must be configured to trust its certificate.
///
/// ```
/// let ca = eqp_tls::LocalCa::ephemeral()?;
/// let identity = ca.issue(&["localhost".to_owned()])?;
/// assert!(ca.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok::<(), eqp_tls::Error>(())
/// ```
pub struct LocalCa {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl LocalCa {
    /// Creates a CA that exists only in memory.
    ///
    /// # Errors
    /// [`Error::Issue`] if the key cannot be generated.
    pub fn ephemeral() -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(Error::issue)?;
        let params = ca_params();
        let certificate_pem = params.self_signed(&key).map_err(Error::issue)?.pem();
        Ok(Self { certificate_pem, issuer: Issuer::new(params, key) })
    }

    /// Opens the CA in a folder, and creates it if it does not exist: the certificate in `local-ca.pem`, and the key, which only
    /// its owner can read, in `local-ca.key`.
    ///
    /// # Errors
    /// - [`Error::Read`] or [`Error::Write`] if a file cannot be read or created.
    /// - [`Error::NoCertificate`], [`Error::NoKey`] or [`Error::KeyMismatch`] if the files are not a CA.
    /// - [`Error::Issue`] if the certificate cannot be created.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let certificate_path = Self::certificate_path(folder);
        if !(key_path(folder).exists() && certificate_path.exists()) {
            Self::complete(folder)?;
        }
        let certificate_pem = read(&certificate_path)?;
        let key_pem = read(&key_path(folder))?;
        let key = read_key(folder, &key_pem)?;
        // Checked here, because peers would reject every certificate of a CA whose key does not match.
        Identity::from_pem(&certificate_pem, &key_pem)?.server_config()?;
        // A certificate refers to its issuer by name and key only, so other dates do not matter.
        let issuer = Issuer::new(ca_params(), key);
        Ok(Self { certificate_pem, issuer })
    }

    /// Creates the missing files, one process at a time. The key is created first, because the certificate can be created again
    /// from it. A certificate without its key is useless and is replaced.
    fn complete(folder: &Path) -> Result<(), Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let lock_path = folder.join("local-ca.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(failed(&lock_path))?;
        lock.lock().map_err(failed(&lock_path))?;
        let certificate_path = Self::certificate_path(folder);
        if !key_path(folder).exists() {
            let removed = fs::remove_file(&certificate_path);
            removed.or_else(ignore_missing).map_err(failed(&certificate_path))?;
            write(&key_path(folder), &KeyPair::generate().map_err(Error::issue)?.serialize_pem(), 0o600)?;
        }
        if !certificate_path.exists() {
            let key = read_key(folder, &read(&key_path(folder))?)?;
            write(&certificate_path, &ca_params().self_signed(&key).map_err(Error::issue)?.pem(), 0o644)?;
        }
        Ok(())
    }

    /// Returns the path of the certificate of a CA in `folder`.
    pub fn certificate_path(folder: &Path) -> PathBuf {
        folder.join("local-ca.pem")
    }

    /// Returns the CA's certificate, which peers must trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Issues an identity for host names and addresses, such as `localhost` and `127.0.0.1`.
    ///
    /// # Errors
    /// [`Error::Issue`] if a name cannot be used in a certificate.
    pub fn issue(&self, names: &[String]) -> Result<Identity, Error> {
        let (certificate, key) = self.issue_pem(names)?;
        Identity::from_pem(&certificate, &key)
    }

    pub(crate) fn issue_pem(&self, names: &[String]) -> Result<(String, String), Error> {
        let key = KeyPair::generate().map_err(Error::issue)?;
        let mut params = CertificateParams::new(names.to_vec()).map_err(Error::issue)?;
        params.distinguished_name = name_of("EQP local server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(SERVER_LIFE);
        let certificate = params.signed_by(&key, &self.issuer).map_err(Error::issue)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

impl std::fmt::Debug for LocalCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCa").finish_non_exhaustive()
    }
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name_of("EQP local CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = validity(CA_LIFE);
    params
}

fn name_of(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn validity(life: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::now_utc();
    (now - BACKDATED, now + life)
}

fn key_path(folder: &Path) -> PathBuf {
    folder.join("local-ca.key")
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn read_key(folder: &Path, pem: &str) -> Result<KeyPair, Error> {
    KeyPair::from_pem(pem).map_err(|_| Error::NoKey {
        origin: key_path(folder).display().to_string(),
        why: "its content is truncated or damaged",
    })
}

fn ignore_missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Writes a file under a temporary name and renames it when it is durable, so that a crash leaves no incomplete file. The
/// caller has the lock, so an existing draft was left by a process that was killed.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let draft = path.with_added_extension("unfinished");
    let written = || -> std::io::Result<()> {
        fs::remove_file(&draft).or_else(ignore_missing)?;
        let mut file = File::options().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    written().map_err(|source| Error::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names() -> Vec<String> {
        vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
    }

    #[test]
    fn the_ca_is_created_on_first_use_and_reused() {
        let folder = tempfile::tempdir().unwrap();
        let first = LocalCa::open(folder.path()).unwrap();
        let second = LocalCa::open(folder.path()).unwrap();
        assert_eq!(first.certificate_pem(), second.certificate_pem());
        let mode = fs::metadata(folder.path().join("local-ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        second.issue(&names()).unwrap().server_config().unwrap();
    }

    #[test]
    fn a_key_that_does_not_match_the_certificate_is_an_error() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        LocalCa::open(folder.path()).unwrap();
        LocalCa::open(other.path()).unwrap();
        fs::copy(key_path(other.path()), key_path(folder.path())).unwrap();
        assert!(matches!(LocalCa::open(folder.path()), Err(Error::KeyMismatch { .. })));
    }

    #[test]
    fn concurrent_first_uses_result_in_the_same_ca() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let start = std::sync::Barrier::new(8);
            let certificates: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
                let open = || {
                    start.wait();
                    LocalCa::open(folder.path()).unwrap().certificate_pem().to_owned()
                };
                let opening: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                opening.into_iter().map(|opening| opening.join().unwrap()).collect()
            });
            assert_eq!(certificates.len(), 1);
        }
    }

    #[test]
    fn files_that_a_crash_left_incomplete_are_completed() {
        let folder = tempfile::tempdir().unwrap();
        let first = LocalCa::open(folder.path()).unwrap().certificate_pem().to_owned();
        // A certificate is created again from its key …
        fs::remove_file(LocalCa::certificate_path(folder.path())).unwrap();
        let second = LocalCa::open(folder.path()).unwrap().certificate_pem().to_owned();
        // … and one without its key is replaced.
        fs::remove_file(key_path(folder.path())).unwrap();
        fs::write(key_path(folder.path()).with_added_extension("unfinished"), "half of a").unwrap();
        let third = LocalCa::open(folder.path()).unwrap();
        assert!(third.certificate_pem() != second && second != first);
        third.issue(&names()).unwrap().server_config().unwrap();
        let names: std::collections::BTreeSet<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "no draft is left: {names:?}");
    }
}
