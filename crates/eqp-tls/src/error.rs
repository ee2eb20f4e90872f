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
    /// A text holds no certificate in PEM form, or one that cannot be read.
    #[error("{origin} holds no certificate chain in PEM form: {why}")]
    NoCertificate {
        /// Where the text came from.
        origin: String,
        /// What it holds instead.
        why: &'static str,
    },
    /// A text holds no private key in PEM form, or one that cannot be read.
    #[error("{origin} holds no private key in PEM form: {why}")]
    NoKey {
        /// Where the text came from.
        origin: String,
        /// What it holds instead.
        why: &'static str,
    },
    /// A private key is encrypted.
    #[error(
        "the private key in {origin} is encrypted with a passphrase, which a server cannot ask for; decrypt it: \
         openssl pkey -in {origin} -out decrypted.pem"
    )]
    EncryptedKey {
        /// Where the key came from.
        origin: String,
    },
    /// A text starts with a byte order mark.
    #[error("{origin} starts with a byte order mark (BOM); save it as ASCII or as UTF-8 without a BOM")]
    ByteOrderMark {
        /// Where the text came from.
        origin: String,
    },
    /// The certificates of a chain are in the wrong order.
    #[error(
        "the certificates in {origin} are in the wrong order: number {position} has to come right after number \
         {after} (the server's own certificate first, then each certificate that issued the one before it)"
    )]
    ChainOrder {
        /// Where the chain came from.
        origin: String,
        /// The certificate that is in the wrong place, counted from 1.
        position: usize,
        /// The one that it belongs behind; 0 for the start.
        after: usize,
    },
    /// The private key is that of another certificate.
    #[error("the private key in {key} belongs to another certificate than the one in {chain}")]
    KeyOfAnother {
        /// Where the key came from.
        key: String,
        /// Where the certificate came from.
        chain: String,
    },
    /// The certificate or the key is of a kind that cannot be used.
    #[error("the certificate and the key cannot be used")]
    Unusable(#[source] rustls::Error),
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Issue(#[from] rcgen::Error),
}
