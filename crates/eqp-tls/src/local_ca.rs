//! A certificate authority of one machine.

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

/// How long the CA's own certificate is good.
const CA_LIFE: Duration = Duration::days(3650);
/// How long a server certificate is good; a new one is made at every start.
const SERVER_LIFE: Duration = Duration::days(90);
/// Peers' clocks may be behind; or ours was a day ahead when it started, and has been put right since.
const BACKDATED: Duration = Duration::days(2);

/// A CA whose certificate peers are told to trust.
pub struct LocalCa {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl LocalCa {
    /// A CA that lives in memory only.
    ///
    /// # Errors
    /// No randomness, or no memory.
    pub fn ephemeral() -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let params = ca_params();
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { certificate_pem, issuer: Issuer::new(params, key) })
    }

    /// The CA kept in `folder`, made if it is not there: `local-ca.pem` and, readable by its owner only, `local-ca.key`.
    ///
    /// # Errors
    /// Files that cannot be read or written, or do not hold a CA; a certificate of another key.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let certificate_path = Self::certificate_path(folder);
        if !(key_path(folder).exists() && certificate_path.exists()) {
            Self::complete(folder)?;
        }
        let certificate_pem = read(&certificate_path)?;
        let key_pem = read(&key_path(folder))?;
        let key = read_key(folder, &key_pem)?;
        // Of a pair that does not match, peers would refuse every certificate.
        Identity::from_pem(&certificate_pem, &key_pem)?.server_config()?;
        // Who issues is told by the CA's name and key alone; its dates play no part.
        let issuer = Issuer::new(ca_params(), key);
        Ok(Self { certificate_pem, issuer })
    }

    /// Makes what is missing, one process at a time. The key comes first: a certificate can be made again from it, while
    /// one whose key is lost is of no use and makes way for a new one.
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
            let orphan = fs::remove_file(&certificate_path);
            orphan.or_else(ignore_missing).map_err(failed(&certificate_path))?;
            write(&key_path(folder), &KeyPair::generate()?.serialize_pem(), 0o600)?;
        }
        if !certificate_path.exists() {
            let key = read_key(folder, &read(&key_path(folder))?)?;
            write(&certificate_path, &ca_params().self_signed(&key)?.pem(), 0o644)?;
        }
        Ok(())
    }

    /// Where the certificate of the CA kept in `folder` lies.
    pub fn certificate_path(folder: &Path) -> PathBuf {
        folder.join("local-ca.pem")
    }

    /// The CA's certificate: what a peer has to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Makes an identity for host names and addresses, such as `localhost` and `127.0.0.1`.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate.
    pub fn issue(&self, names: &[String]) -> Result<Identity, Error> {
        let (certificate, key) = self.issue_pem(names)?;
        Identity::from_pem(&certificate, &key)
    }

    pub(crate) fn issue_pem(&self, names: &[String]) -> Result<(String, String), Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = name_of("EQP local server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(SERVER_LIFE);
        let certificate = params.signed_by(&key, &self.issuer)?;
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
        why: "what it holds is cut off or damaged",
    })
}

fn ignore_missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Writes a file whole or not at all: beside its place first, and durable before it is moved there. The caller has the
/// lock, so a draft that is there is one of a process that was killed.
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
    fn is_made_on_first_use_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = LocalCa::open(folder.path()).unwrap();
        let second = LocalCa::open(folder.path()).unwrap();
        assert_eq!(first.certificate_pem(), second.certificate_pem());
        let mode = fs::metadata(folder.path().join("local-ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        second.issue(&names()).unwrap().server_config().unwrap();
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        LocalCa::open(folder.path()).unwrap();
        LocalCa::open(other.path()).unwrap();
        fs::copy(key_path(other.path()), key_path(folder.path())).unwrap();
        assert!(matches!(LocalCa::open(folder.path()), Err(Error::KeyOfAnother { .. })));
    }

    #[test]
    fn many_who_open_it_for_the_first_time_at_once_find_the_same_ca() {
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
    fn what_a_crash_left_half_made_is_completed() {
        let folder = tempfile::tempdir().unwrap();
        let first = LocalCa::open(folder.path()).unwrap().certificate_pem().to_owned();
        // A certificate can be made from its key again …
        fs::remove_file(LocalCa::certificate_path(folder.path())).unwrap();
        let second = LocalCa::open(folder.path()).unwrap().certificate_pem().to_owned();
        // … and one without its key makes way for another.
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
