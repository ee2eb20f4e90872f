//! A certificate authority of one machine.

use std::fs::{self, OpenOptions};
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
        Self::make().map(|(ca, _)| ca)
    }

    /// The CA kept in `folder`, made if it is not there: `local-ca.pem` and, readable by its owner only, `local-ca.key`.
    ///
    /// # Errors
    /// Files that cannot be read or written, or do not hold a CA.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let key_path = folder.join("local-ca.key");
        let certificate_path = Self::certificate_path(folder);
        if !key_path.exists() {
            let (ca, key_pem) = Self::make()?;
            fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
            write(&certificate_path, &ca.certificate_pem, 0o644)?;
            write(&key_path, &key_pem, 0o600)?;
        }
        let read =
            |path: &Path| fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source });
        let certificate_pem = read(&certificate_path)?;
        let key = KeyPair::from_pem(&read(&key_path)?).map_err(|_| Error::NoKey {
            origin: key_path.display().to_string(),
            why: "what it holds is cut off or damaged",
        })?;
        // Who issues is told by the CA's name and key alone; its dates play no part.
        let issuer = Issuer::new(ca_params(), key);
        Ok(Self { certificate_pem, issuer })
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

    fn make() -> Result<(Self, String), Error> {
        let key = KeyPair::generate()?;
        let params = ca_params();
        let certificate_pem = params.self_signed(&key)?.pem();
        let key_pem = key.serialize_pem();
        Ok((Self { certificate_pem, issuer: Issuer::new(params, key) }, key_pem))
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

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| Error::Write { path: path.to_owned(), source })
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
        let (first, _) = LocalCa::make().unwrap();
        let (_, other_key) = LocalCa::make().unwrap();
        let refused = Identity::from_pem(first.certificate_pem(), &other_key);
        assert!(matches!(refused, Err(Error::KeyOfAnother { .. })), "{refused:?}");
    }
}
