//! A TLS client that accepts exactly one certificate, whether or not it is trusted.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};

use crate::{Error, read_small_file};

/// Returns the configuration of a client that only accepts the first certificate in this file. A server with another one is
/// rejected with [`CertificateError::ApplicationVerificationFailure`].
/// ```no_run
/// # fn example() -> Result<(), eqp_tls::Error> {
/// let config = eqp_tls::exact_certificate_client("fullchain.pem".as_ref())?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns [`Error::Read`] or [`Error::NoCertificate`] if the file cannot be used.
pub fn exact_certificate_client(path: &Path) -> Result<ClientConfig, Error> {
    let pem = read_small_file(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let Some(Ok(certificate)) = CertificateDer::pem_slice_iter(&pem).next() else {
        return Err(Error::NoCertificate { origin: path.display().to_string(), why: "it contains no certificate" });
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = ExactCertificate { certificate, provider: Arc::clone(&provider) };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(Error::unusable)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// Compares the server's certificate byte by byte. The proof that the server has its key is verified as in any other
/// handshake.
#[derive(Debug)]
struct ExactCertificate {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ExactCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
