//! The identity of a running server, which can be replaced without ending a connection.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::{Duration, OffsetDateTime};

use crate::identity::server_config;
use crate::{Error, Identity, LocalCa, Validity};

/// A certificate of the local CA is replaced when this is left of its life.
const RENEWED_BEFORE: Duration = Duration::days(30);

/// The identity of a server, and where it comes from. Cheap to clone; all clones are the same.
///
/// Connections that are open keep the certificate that they began with; each new one gets the current certificate.
#[derive(Clone, Debug)]
pub struct ServerIdentity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: Source,
    current: RwLock<Current>,
}

#[derive(Clone, Debug)]
struct Current {
    certified: Arc<CertifiedKey>,
    validity: Validity,
}

#[derive(Debug)]
enum Source {
    Given,
    Files { certificate: PathBuf, key: PathBuf },
    LocalCa { folder: PathBuf, names: Vec<String> },
}

impl ServerIdentity {
    /// One that stays as it is.
    pub fn given(identity: &Identity) -> Self {
        Self::new(Source::Given, identity)
    }

    /// One that is read from PEM files (certificate chain, leaf first, and its key), and again by
    /// [`reload`](Self::reload).
    ///
    /// # Errors
    /// As for [`Identity::from_files`].
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let identity = Identity::from_files(certificate, key)?;
        Ok(Self::new(Source::Files { certificate: certificate.to_owned(), key: key.to_owned() }, &identity))
    }

    /// One that the local CA in a folder issues for these names, and anew before it expires.
    ///
    /// # Errors
    /// As for [`LocalCa::open`] and [`LocalCa::issue`].
    pub fn from_local_ca(folder: &Path, names: &[String]) -> Result<Self, Error> {
        let identity = LocalCa::open(folder)?.issue(names)?;
        Ok(Self::new(Source::LocalCa { folder: folder.to_owned(), names: names.to_vec() }, &identity))
    }

    fn new(source: Source, identity: &Identity) -> Self {
        let current = Current { certified: Arc::clone(&identity.certified), validity: identity.validity() };
        Self(Arc::new(Shared { source, current: RwLock::new(current) }))
    }

    /// Returns from when until when the current certificate is valid.
    pub fn validity(&self) -> Validity {
        self.current().validity
    }

    /// Reads certificate and key again; true if they are others than before. Every connection from now on gets them.
    ///
    /// # Errors
    /// As for [`Identity::from_files`] or [`LocalCa::issue`]. The identity from before stays in use.
    pub fn reload(&self) -> Result<bool, Error> {
        let before = self.current();
        let identity = match &self.0.source {
            Source::Given => return Ok(false),
            Source::Files { certificate, key } => Identity::from_files(certificate, key)?,
            Source::LocalCa { folder, names } => {
                if before.validity.not_after - OffsetDateTime::now_utc() > RENEWED_BEFORE {
                    return Ok(false);
                }
                LocalCa::open(folder)?.issue(names)?
            }
        };
        // The key belongs to the certificate: where that is the same, so is the key.
        if identity.certified.cert == before.certified.cert {
            return Ok(false);
        }
        let current = Current { certified: Arc::clone(&identity.certified), validity: identity.validity() };
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(true)
    }

    /// The configuration of a server that speaks TLS 1.2 and 1.3, and HTTP/1.1 only, and follows this identity.
    ///
    /// # Errors
    /// [`Error::Unusable`] if rustls refuses its own defaults.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        server_config(Arc::clone(&self.0) as Arc<dyn ResolvesServerCert>)
    }

    fn current(&self) -> Current {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Shared {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).certified))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A certificate and its key, each as text.
    fn pair(ca: &LocalCa) -> (String, String) {
        ca.issue_pem(&["localhost".to_owned()]).unwrap()
    }

    /// What a new connection would get.
    fn served(identity: &ServerIdentity) -> Vec<u8> {
        identity.current().certified.cert[0].to_vec()
    }

    #[test]
    fn a_pair_that_does_not_match_leaves_the_old_one_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let ca = LocalCa::ephemeral().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let (first, second) = (pair(&ca), pair(&ca));
        fs::write(&certificate, &first.0).unwrap();
        fs::write(&key, &first.1).unwrap();
        let identity = ServerIdentity::from_files(&certificate, &key).unwrap();
        let before = served(&identity);
        assert!(!identity.reload().unwrap(), "nothing has changed");
        // As by a program that writes one after the other.
        fs::write(&certificate, &second.0).unwrap();
        assert!(matches!(identity.reload(), Err(Error::KeyOfAnother { .. })));
        assert_eq!(served(&identity), before);
        fs::write(&key, &second.1[..50]).unwrap();
        assert!(identity.reload().is_err());
        fs::remove_file(&key).unwrap();
        assert!(matches!(identity.reload(), Err(Error::Read { .. })));
        assert_eq!(served(&identity), before);
        fs::write(&key, &second.1).unwrap();
        assert!(identity.reload().unwrap());
        assert_ne!(served(&identity), before);
    }

    #[test]
    fn a_folder_that_a_link_leads_to_can_be_swapped_as_kubernetes_does() {
        let mounted = tempfile::tempdir().unwrap();
        let ca = LocalCa::ephemeral().unwrap();
        let version = |name: &str| {
            let (certificate, key) = pair(&ca);
            let folder = mounted.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("tls.crt"), certificate).unwrap();
            fs::write(folder.join("tls.key"), key).unwrap();
        };
        let swap = |to: &str| {
            symlink(to, mounted.path().join("..data_tmp")).unwrap();
            fs::rename(mounted.path().join("..data_tmp"), mounted.path().join("..data")).unwrap();
        };
        version("..first");
        swap("..first");
        for name in ["tls.crt", "tls.key"] {
            symlink(format!("..data/{name}"), mounted.path().join(name)).unwrap();
        }
        let identity =
            ServerIdentity::from_files(&mounted.path().join("tls.crt"), &mounted.path().join("tls.key")).unwrap();
        let before = served(&identity);
        version("..second");
        swap("..second");
        fs::remove_dir_all(mounted.path().join("..first")).unwrap();
        assert!(identity.reload().unwrap());
        assert_ne!(served(&identity), before);
    }
}
