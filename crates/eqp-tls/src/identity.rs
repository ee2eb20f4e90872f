//! A certificate chain with its private key, and the server configuration made of it.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Error;

/// What a server proves itself with.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads a certificate chain (leaf first) and its key from PEM files.
    ///
    /// # Errors
    /// A file that cannot be read or does not hold what it should.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, Error> {
        let read = |path: &Path| std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source });
        Self::parse(&read(chain)?, &chain.display().to_string(), &read(key)?, &key.display().to_string())
    }

    /// Takes a certificate chain (leaf first) and its key as PEM text.
    ///
    /// # Errors
    /// Text that does not hold what it should.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, Error> {
        Self::parse(chain.as_bytes(), "the certificate text", key.as_bytes(), "the key text")
    }

    fn parse(chain: &[u8], chain_origin: &str, key: &[u8], key_origin: &str) -> Result<Self, Error> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = match certificates {
            Ok(chain) if !chain.is_empty() => chain,
            _ => return Err(Error::NoCertificate { origin: chain_origin.to_owned() }),
        };
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Error::NoKey { origin: key_origin.to_owned() })?;
        Ok(Self { chain, key })
    }

    /// The configuration of a server that speaks TLS 1.2 and 1.3, and HTTP/1.1 only.
    ///
    /// # Errors
    /// A key that does not belong to the certificate.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::Mismatch)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(Error::Mismatch)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
