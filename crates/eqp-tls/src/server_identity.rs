//! The identity of a running server. It can be replaced while connections are open.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

#[cfg(feature = "local-ca")]
use crate::LocalCa;
use crate::identity::server_config;
use crate::{Error, Identity, Validity};

/// A certificate of the local CA is replaced when it expires within this time.
#[cfg(feature = "local-ca")]
const RENEWED_BEFORE: time::Duration = time::Duration::days(30);

/// The identity of a server with its source, from which it can be reloaded. Cheap to clone; all clones share the identity.
///
/// Open connections are not affected by a reload. New connections get the current certificate.
///
/// ```no_run
/// # fn example() -> Result<(), eqp_tls::Error> {
/// let identity = eqp_tls::ServerIdentity::from_files("fullchain.pem".as_ref(), "privkey.pem".as_ref())?;
/// let config = identity.server_config()?;
/// // After the files were replaced:
/// let has_changed = identity.reload()?;
///
/// // For development, with a CA that peers have to trust:
/// let identity = eqp_tls::ServerIdentity::from_local_ca("tls".as_ref(), &["localhost".to_owned()])?;
/// # Ok(())
/// # }
/// ```
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
    Files {
        certificate: PathBuf,
        key: PathBuf,
    },
    #[cfg(feature = "local-ca")]
    LocalCa {
        folder: PathBuf,
        names: Vec<String>,
    },
}

impl Source {
    /// Returns an error if a certificate with this validity is not valid now.
    fn check(&self, validity: Validity, now: OffsetDateTime) -> Result<(), Error> {
        let origin = || match self {
            Self::Given => "memory".to_owned(),
            Self::Files { certificate, .. } => certificate.display().to_string(),
            #[cfg(feature = "local-ca")]
            Self::LocalCa { folder, .. } => folder.display().to_string(),
        };
        if now > validity.not_after {
            Err(Error::Expired { origin: origin(), at: validity.not_after })
        } else if now < validity.not_before {
            Err(Error::NotYetValid { origin: origin(), at: validity.not_before })
        } else {
            Ok(())
        }
    }
}

impl ServerIdentity {
    /// Creates an identity that is never reloaded.
    pub fn given(identity: &Identity) -> Self {
        Self::new(Source::Given, identity)
    }

    /// Reads an identity from PEM files: the certificate chain (leaf first) and its key. [`reload`](Self::reload) reads them again.
    ///
    /// # Errors
    /// The errors of [`Identity::from_files`].
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let identity = Identity::from_files(certificate, key)?;
        Ok(Self::new(Source::Files { certificate: certificate.to_owned(), key: key.to_owned() }, &identity))
    }

    /// Issues an identity for these names from the local CA in a folder. [`reload`](Self::reload) renews it before it expires.
    ///
    /// # Errors
    /// The errors of [`LocalCa::open`] and [`LocalCa::issue`].
    #[cfg(feature = "local-ca")]
    pub fn from_local_ca(folder: &Path, names: &[String]) -> Result<Self, Error> {
        let identity = LocalCa::open(folder)?.issue(names)?;
        Ok(Self::new(Source::LocalCa { folder: folder.to_owned(), names: names.to_vec() }, &identity))
    }

    fn new(source: Source, identity: &Identity) -> Self {
        let current = Current { certified: Arc::clone(&identity.certified), validity: identity.validity() };
        Self(Arc::new(Shared { source, current: RwLock::new(current) }))
    }

    /// Returns the validity period of the current certificate.
    pub fn validity(&self) -> Validity {
        self.current().validity
    }

    /// Reads certificate and key again, for all new connections. Returns whether they have changed.
    ///
    /// A certificate outside its validity period never replaces a valid one.
    ///
    /// # Errors
    /// The old identity stays in use after an error:
    /// - the errors of [`Identity::from_files`], [`LocalCa::open`] and [`LocalCa::issue`],
    /// - [`Error::Expired`] or [`Error::NotYetValid`] if the new certificate is not valid, but the old one is.
    pub fn reload(&self) -> Result<bool, Error> {
        let before = self.current();
        let identity = match &self.0.source {
            Source::Given => return Ok(false),
            Source::Files { certificate, key } => Identity::from_files(certificate, key)?,
            #[cfg(feature = "local-ca")]
            Source::LocalCa { folder, names } => {
                if before.validity.not_after - OffsetDateTime::now_utc() > RENEWED_BEFORE {
                    return Ok(false);
                }
                LocalCa::open(folder)?.issue(names)?
            }
        };
        // Comparing the certificates is enough, because the key was checked to belong to its certificate.
        if identity.certified.cert == before.certified.cert {
            return Ok(false);
        }
        let now = OffsetDateTime::now_utc();
        if before.validity.contains(now) {
            self.0.source.check(identity.validity(), now)?;
        }
        let current = Current { certified: Arc::clone(&identity.certified), validity: identity.validity() };
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(true)
    }

    /// Returns a server configuration for TLS 1.2 and 1.3 and for HTTP/1.1 only. It always uses the current identity.
    ///
    /// # Errors
    /// [`Error::Unusable`] if rustls rejects its own default protocol versions.
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
#[cfg(feature = "local-ca")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Returns a certificate and its key as PEM text.
    fn pair(ca: &LocalCa) -> (String, String) {
        ca.issue_pem(&["localhost".to_owned()]).unwrap()
    }

    /// Returns the certificate that a new connection would get.
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
        // As a program does that writes one file after the other.
        fs::write(&certificate, &second.0).unwrap();
        assert!(matches!(identity.reload(), Err(Error::KeyMismatch { .. })));
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
    fn a_certificate_outside_its_validity_only_replaces_another_such() {
        use rcgen::{CertificateParams, KeyPair};
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        // Writes a certificate that is valid between two days, counted from now.
        let put = |from: i64, until: i64| {
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let now = OffsetDateTime::now_utc();
            (params.not_before, params.not_after) =
                (now + time::Duration::days(from), now + time::Duration::days(until));
            let pair = KeyPair::generate().unwrap();
            fs::write(&certificate, params.self_signed(&pair).unwrap().pem()).unwrap();
            fs::write(&key, pair.serialize_pem()).unwrap();
        };
        let (valid, expired, early) = ((-9, 9), (-9, -1), (1, 9));
        for (before, after, is_used) in [
            (valid, valid, true),
            (valid, expired, false),
            (valid, early, false),
            (expired, expired, true),
            (expired, early, true),
            (early, expired, true),
            (expired, valid, true),
            (early, valid, true),
        ] {
            put(before.0, before.1);
            let identity = ServerIdentity::from_files(&certificate, &key).unwrap();
            let old = served(&identity);
            put(after.0, after.1);
            match identity.reload() {
                Ok(is_new) => assert!(is_new && is_used, "{before:?} {after:?}"),
                Err(Error::Expired { .. }) => assert!(!is_used && after == expired, "{before:?} {after:?}"),
                Err(Error::NotYetValid { .. }) => assert!(!is_used && after == early, "{before:?} {after:?}"),
                Err(other) => panic!("{other}"),
            }
            assert_eq!(served(&identity) != old, is_used, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_linked_folder_can_be_replaced_as_kubernetes_does() {
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
