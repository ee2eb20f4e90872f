//! What can go wrong with an identity.

use std::path::PathBuf;

/// Why there is no usable identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A PEM text holds no certificate, or one that cannot be read.
    #[error("{origin} holds no certificate chain in PEM form")]
    NoCertificate {
        /// Where the text came from.
        origin: String,
    },
    /// A PEM text holds no private key, or one that cannot be read.
    #[error("{origin} holds no private key in PEM form")]
    NoKey {
        /// Where the text came from.
        origin: String,
    },
    /// The certificate and the key do not belong together, or are of a kind that cannot be used.
    #[error("the certificate and the key cannot be used together")]
    Mismatch(#[source] rustls::Error),
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Issue(#[from] rcgen::Error),
}
