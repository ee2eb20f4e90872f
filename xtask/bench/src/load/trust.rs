//! The certificate of the measured servers, which is ECDSA P-256 as in the performance targets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::Wire;
use crate::Failure;

/// The files of certificate and key, and the CA that clients trust.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) ca: PathBuf,
}

impl Certificate {
    /// Creates a certificate for 127.0.0.1 in `folder`.
    pub(crate) fn make(folder: &Path) -> Result<Self, Failure> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_key = KeyPair::generate()?;
        let ca_certificate = params.self_signed(&ca_key)?;
        let issuer = Issuer::new(params, ca_key);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &issuer)?;
        let made = Self::in_folder(folder);
        std::fs::write(&made.chain, certificate.pem())?;
        std::fs::write(&made.key, key.serialize_pem())?;
        std::fs::write(&made.ca, ca_certificate.pem())?;
        Ok(made)
    }

    /// Returns the certificate that was created in this folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { chain: folder.join("chain.pem"), key: folder.join("key.pem"), ca: folder.join("ca.pem") }
    }

    /// Returns the wire of a client that trusts the CA.
    pub(crate) fn wire(&self) -> Result<Wire, Failure> {
        Wire::trusting(&self.ca)
    }
}

impl Wire {
    /// Returns TLS 1.3 to servers of this CA, without session resumption.
    pub(crate) fn trusting(ca: &Path) -> Result<Self, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca)?)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self::Tls(Arc::new(config)))
    }
}
