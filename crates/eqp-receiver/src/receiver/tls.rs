//! How a receiver that listens by itself proves who it is.

use std::path::PathBuf;
use std::sync::Arc;

use eqp_tls::{Identity, LocalCa};
use rustls::ServerConfig;

use crate::Error;

/// Where the certificate comes from.
#[derive(Debug, Default)]
pub enum Tls {
    /// Nowhere: plain HTTP, on a loopback address or behind a proxy.
    #[default]
    Off,
    /// A certificate with its key, such as from [files](Identity::from_files).
    Identity(Identity),
    /// For development: a local CA kept in a folder, made on first use.
    LocalCa {
        /// The folder, which then holds the certificate to trust as `local-ca.pem`.
        folder: PathBuf,
        /// Host names and addresses to be called by, such as `localhost` and `127.0.0.1`.
        names: Vec<String>,
    },
}

impl Tls {
    pub(super) fn server_config(&self) -> Result<Option<Arc<ServerConfig>>, Error> {
        Ok(match self {
            Self::Off => None,
            Self::Identity(identity) => Some(identity.server_config()?),
            Self::LocalCa { folder, names } => Some(LocalCa::open(folder)?.issue(names)?.server_config()?),
        })
    }
}
