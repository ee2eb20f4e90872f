//! The error type of server identities.

use std::path::PathBuf;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The reason why a certificate or its key cannot be loaded or created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file or text is not a certificate chain in PEM format.
    #[error("{origin} is not a certificate chain in PEM format: {why}")]
    NoCertificate {
        /// The path of the file, or a description of the text.
        origin: String,
        /// The reason, which names what was found instead.
        why: &'static str,
    },
    /// A file or text is not a private key in PEM format.
    #[error("{origin} is not a private key in PEM format: {why}")]
    NoKey {
        /// The path of the file, or a description of the text.
        origin: String,
        /// The reason, which names what was found instead.
        why: &'static str,
    },
    /// A private key is encrypted.
    #[error(
        "the private key in {origin} is encrypted with a passphrase, which a server cannot prompt for; decrypt it: \
         openssl pkey -in {origin} -out decrypted.pem"
    )]
    EncryptedKey {
        /// The path of the key file, or a description of the text.
        origin: String,
    },
    /// A file or text starts with a byte order mark.
    #[error("{origin} starts with a byte order mark (BOM); save it as ASCII or as UTF-8 without a BOM")]
    ByteOrderMark {
        /// The path of the file, or a description of the text.
        origin: String,
    },
    /// The certificates of a chain are in the wrong order.
    #[error(
        "the certificates in {origin} are in the wrong order: number {position} must come {} (the server's own \
         certificate first, then each certificate that issued the one before it)",
        after.map_or_else(|| "first".to_owned(), |after| format!("right after number {after}"))
    )]
    ChainOrder {
        /// The path of the file, or a description of the text.
        origin: String,
        /// The number of the misplaced certificate, counted from 1.
        position: usize,
        /// The number of the certificate that it must follow, counted from 1. None if it must come first.
        after: Option<usize>,
    },
    /// A reload found an expired certificate, while the one in use is valid.
    #[error("the certificate in {origin} expired on {}; renew it, or check the clock of this machine", rfc3339(at))]
    Expired {
        /// The path of the certificate.
        origin: String,
        /// The last second at which it was valid.
        at: OffsetDateTime,
    },
    /// A reload found a certificate that is not valid yet, while the one in use is valid.
    #[error("the certificate in {origin} is not valid before {}; it will be used from then on", rfc3339(at))]
    NotYetValid {
        /// The path of the certificate.
        origin: String,
        /// The first second at which it is valid.
        at: OffsetDateTime,
    },
    /// The private key does not belong to the certificate.
    #[error("the private key in {key} does not belong to the certificate in {chain}")]
    KeyMismatch {
        /// The path of the key file, or a description of the text.
        key: String,
        /// The path of the certificate.
        chain: String,
    },
    /// The certificate or the key is not supported.
    #[error("the certificate or its key is not supported")]
    Unusable(#[source] TlsError),
    /// The local CA could not create a certificate.
    #[cfg(feature = "local-ca")]
    #[error("cannot create a certificate")]
    Issue(#[source] IssueError),
}

/// The reason why the TLS library does not accept a certificate, a key or a setting. Its error is hidden, so that the library can be updated
/// without a breaking change.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TlsError(rustls::Error);

/// The reason why the local CA could not create a certificate. The error of the library that creates it is hidden.
#[cfg(feature = "local-ca")]
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct IssueError(rcgen::Error);

impl Error {
    pub(crate) fn unusable(error: rustls::Error) -> Self {
        Self::Unusable(TlsError(error))
    }

    #[cfg(feature = "local-ca")]
    pub(crate) fn issue(error: rcgen::Error) -> Self {
        Self::Issue(IssueError(error))
    }
}

pub(crate) fn rfc3339(time: &OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn dates_are_rfc_3339() {
        let at = datetime!(2026-01-02 3:04:05 UTC);
        for error in [
            Error::Expired { origin: "cert.pem".to_owned(), at },
            Error::NotYetValid { origin: "cert.pem".to_owned(), at },
        ] {
            assert!(error.to_string().contains(" 2026-01-02T03:04:05Z;"), "{error}");
        }
    }
}
