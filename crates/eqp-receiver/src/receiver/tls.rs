//! How a receiver that listens by itself proves who it is.

use std::path::PathBuf;

use eqp_tls::{Identity, ServerIdentity};

use crate::Error;

/// Where the certificate comes from.
#[derive(Debug, Default)]
pub enum Tls {
    /// Nowhere: plain HTTP, on a loopback address or behind a proxy.
    #[default]
    Off,
    /// A certificate with its key, which stay as they are.
    Identity(Identity),
    /// PEM files, which are read again when they change.
    Files {
        /// The certificate chain, leaf first.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// For development: a local CA kept in a folder, made on first use.
    LocalCa {
        /// The folder, which then holds the certificate to trust as `local-ca.pem`.
        folder: PathBuf,
        /// Host names and addresses to be called by, such as `localhost` and `127.0.0.1`.
        names: Vec<String>,
    },
}

impl Tls {
    pub(super) fn identity(&self) -> Result<Option<ServerIdentity>, Error> {
        Ok(match self {
            Self::Off => None,
            Self::Identity(identity) => Some(ServerIdentity::given(identity)),
            Self::Files { certificate, key } => Some(ServerIdentity::from_files(certificate, key)?),
            Self::LocalCa { folder, names } => Some(ServerIdentity::from_local_ca(folder, names)?),
        })
    }
}
