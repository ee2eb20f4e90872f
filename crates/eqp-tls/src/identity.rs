//! A certificate chain with its private key: loads and checks it, and creates a server configuration.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::certificate::{Certificate, Validity};
use crate::{Error, pem, read_small_file};

/// A certificate chain and the private key that belongs to it.
///
/// ```no_run
/// # fn example() -> Result<(), eqp_tls::Error> {
/// let identity = eqp_tls::Identity::from_files("fullchain.pem".as_ref(), "privkey.pem".as_ref())?;
/// let config = identity.server_config()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Identity {
    pub(crate) certified: Arc<CertifiedKey>,
    validity: Validity,
}

impl Identity {
    /// Reads a certificate chain (leaf first) and its key from PEM files.
    ///
    /// # Errors
    /// - [`Error::Read`] if a file cannot be read.
    /// - [`Error::NoCertificate`], [`Error::NoKey`], [`Error::EncryptedKey`] or [`Error::ByteOrderMark`] if a file contains
    ///   something else.
    /// - [`Error::KeyMismatch`] or [`Error::ChainOrder`] if chain and key do not belong together.
    /// - [`Error::Unusable`] if rustls does not support the key.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, Error> {
        let read = |path: &Path| read_small_file(path).map_err(|source| Error::Read { path: path.to_owned(), source });
        Self::parse(&read(chain)?, &chain.display().to_string(), &read(key)?, &key.display().to_string())
    }

    /// Parses a certificate chain (leaf first) and its key from PEM text.
    ///
    /// # Errors
    /// - [`Error::NoCertificate`], [`Error::NoKey`], [`Error::EncryptedKey`] or [`Error::ByteOrderMark`] if a text is something
    ///   else.
    /// - [`Error::KeyMismatch`] or [`Error::ChainOrder`] if chain and key do not belong together.
    /// - [`Error::Unusable`] if rustls does not support the key.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, Error> {
        Self::parse(chain.as_bytes(), "the certificate text", key.as_bytes(), "the key text")
    }

    fn parse(chain: &[u8], chain_origin: &str, key: &[u8], key_origin: &str) -> Result<Self, Error> {
        let chain = pem::chain(chain, chain_origin)?;
        let key = pem::key(key, key_origin)?;
        let (certified, validity) = check(chain, chain_origin, key, key_origin)?;
        Ok(Self { certified: Arc::new(certified), validity })
    }

    /// Returns the validity period of the leaf certificate.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Returns a server configuration for TLS 1.2 and 1.3, and for HTTP/1.1 only.
    ///
    /// # Errors
    /// [`Error::Unusable`] if rustls rejects its own default protocol versions.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        server_config(Arc::new(SingleCertAndKey::from(Arc::clone(&self.certified))))
    }
}

pub(crate) fn server_config(resolver: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::unusable)?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Checks that the chain is in order and begins with the certificate of the key. Wrong order is reported with positions,
/// because peers would only report that they do not trust the server.
fn check(
    chain: Vec<CertificateDer<'static>>,
    chain_origin: &str,
    key: PrivateKeyDer<'static>,
    key_origin: &str,
) -> Result<(CertifiedKey, Validity), Error> {
    let damaged =
        || Error::NoCertificate { origin: chain_origin.to_owned(), why: "its content is truncated or damaged" };
    let parsed: Option<Vec<_>> = chain.iter().map(|certificate| Certificate::read(certificate)).collect();
    let parsed = parsed.ok_or_else(damaged)?;
    let leaf = parsed.first().ok_or_else(damaged)?;
    let signing = aws_lc_rs::default_provider().key_provider.load_private_key(key).map_err(Error::unusable)?;

    let order =
        |position: usize, after: Option<usize>| Error::ChainOrder { origin: chain_origin.to_owned(), position, after };
    if let Some(public) = signing.public_key() {
        let owner = parsed.iter().position(|certificate| certificate.public_key == public.as_ref());
        match owner {
            Some(0) => {}
            Some(position) => return Err(order(position + 1, None)),
            None => {
                return Err(Error::KeyMismatch { key: key_origin.to_owned(), chain: chain_origin.to_owned() });
            }
        }
    }
    for (at, certificate) in parsed.iter().enumerate() {
        let issued_by = |other: &Certificate| other.subject == certificate.issuer;
        if issued_by(certificate) || parsed.get(at + 1).is_none_or(issued_by) {
            continue;
        }
        if let Some(position) = parsed.iter().position(issued_by) {
            return Err(order(position + 1, Some(at + 1)));
        }
    }
    let validity = leaf.validity;
    Ok((CertifiedKey::new(chain, signing), validity))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    /// Returns a chain of three in the right order, with the keys: leaf, intermediate, root.
    fn chain() -> ([String; 3], [KeyPair; 3]) {
        let params = |name: &str, is_ca| {
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            if is_ca {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }
            params
        };
        let [leaf, intermediate, root] = [(); 3].map(|()| KeyPair::generate().unwrap());
        let root_params = params("root", true);
        let root_pem = root_params.self_signed(&root).unwrap().pem();
        let root_issuer = Issuer::from_params(&root_params, &root);
        let intermediate_params = params("intermediate", true);
        let intermediate_pem = intermediate_params.signed_by(&intermediate, &root_issuer).unwrap().pem();
        let intermediate_issuer = Issuer::from_params(&intermediate_params, &intermediate);
        let leaf_pem = params("leaf", false).signed_by(&leaf, &intermediate_issuer).unwrap().pem();
        ([leaf_pem, intermediate_pem, root_pem], [leaf, intermediate, root])
    }

    #[test]
    fn every_usual_mistake_has_its_own_error() {
        let ([leaf, intermediate, root], [key, other_key, _]) = chain();
        let (key, other_key) = (key.serialize_pem(), other_key.serialize_pem());
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let old_encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
                             -----END RSA PRIVATE KEY-----\n";
        let cut_off = &leaf[..leaf.len() / 2];
        for (chain, key, named) in [
            (leaf.clone(), encrypted.as_str(), "encrypted with a passphrase"),
            (leaf.clone(), old_encrypted, "encrypted with a passphrase"),
            (format!("\u{feff}{leaf}"), &key, "byte order mark"),
            (leaf.clone(), &format!("\u{feff}{key}"), "byte order mark"),
            (format!("{intermediate}{leaf}"), &key, "number 2 must come first"),
            (format!("{leaf}{root}{intermediate}"), &key, "number 3 must come right after number 1"),
            (leaf.clone(), &other_key, "does not belong to the certificate"),
            (key.clone(), &key, "swapped"),
            (leaf.clone(), &leaf, "swapped"),
            (String::new(), &key, "it is empty"),
            (leaf.clone(), " \n", "it is empty"),
            (cut_off.to_owned(), &key, "truncated"),
            ("something else".to_owned(), &key, "no such PEM block"),
        ] {
            let error = Identity::from_pem(&chain, key).map(drop).unwrap_err().to_string();
            assert!(error.contains(named), "`{named}` in: {error}");
            assert!(!error.contains("-----BEGIN PRIVATE"), "{error}");
        }
    }

    #[test]
    fn a_chain_in_order_is_accepted_with_and_without_its_root_and_with_other_text() {
        let ([leaf, intermediate, root], [key, ..]) = chain();
        let key = key.serialize_pem();
        for chain in [
            leaf.clone(),
            format!("{leaf}{intermediate}"),
            format!("{leaf}{intermediate}{root}"),
            format!("subject=CN = leaf\n{leaf}\n\nissuer=…\n{intermediate}"),
            format!("{leaf}{intermediate}").replace('\n', "\r\n"),
        ] {
            let identity = Identity::from_pem(&chain, &key).unwrap();
            assert!(identity.validity().not_after > identity.validity().not_before);
            identity.server_config().unwrap();
        }
    }
}
