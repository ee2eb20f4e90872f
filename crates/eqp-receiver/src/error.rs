//! The error type of the receiver.

use std::net::SocketAddr;
use std::path::PathBuf;

/// An error of a receiver, its spool or its listeners.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database cannot be reached or used.
    #[error(transparent)]
    Store(#[from] eqp_store::Error),
    /// [`Builder::master_key`](crate::Builder::master_key) was not called.
    #[error("no master key was set; pass one to `Builder::master_key`")]
    NoMasterKey,
    /// The folder of the spool, or a file in it, cannot be used.
    #[error("cannot read or write the spool in {}; check the permissions of the folder and the free space on its disk", folder.display())]
    SpoolFolder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Another user could read or replace the spool.
    #[error("{} cannot be used for a spool: {why}; use a folder that belongs to the user of the receiver", .path.display())]
    SpoolUnsafe {
        /// The folder or the file.
        path: PathBuf,
        /// The reason.
        why: &'static str,
    },
    /// Another process has the spool open.
    #[error(
        "the spool in {} is in use{}; use a separate data folder for each receiver, or stop the other one",
        folder.display(),
        holder.map_or_else(String::new, |process| format!(" by process {process}"))
    )]
    SpoolHeld {
        /// The folder.
        folder: PathBuf,
        /// The ID of the other process, if it is known.
        holder: Option<u32>,
    },
    /// The file of the spool is truncated, or was changed by another program.
    #[error(
        "{} is damaged and was not changed; restore it from a copy, or rename it to start with an empty spool (it may \
         contain callbacks that are stored nowhere else)",
        file.display()
    )]
    SpoolDamaged {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The callbacks in the spool were received for another database.
    #[error(
        "the spool in {} contains callbacks for database {spool}, but this is database {database}; connect to the \
         database that they belong to, or export the callbacks and rename the file of the spool",
        folder.display()
    )]
    SpoolOfAnotherDatabase {
        /// The folder of the spool.
        folder: PathBuf,
        /// The ID of the database that it belongs to (table `eqp.instance`).
        spool: uuid::Uuid,
        /// The ID of the connected database.
        database: uuid::Uuid,
    },
    /// The endpoints in the spool were stored with another master key.
    #[error(
        "the endpoints in the spool were stored with another master key; use the key file that they were stored with"
    )]
    SnapshotOfAnotherKey,
    /// There is no spool in the folder.
    #[error("there is no spool in {}; a receiver creates it in its data folder", folder.display())]
    NoSpool {
        /// The folder.
        folder: PathBuf,
    },

    /// The listener cannot be bound to its address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// Plain HTTP was configured on an address that other machines can reach, where passwords could be read.
    #[error(
        "other machines could reach {address} over plain HTTP; configure a certificate, listen on a loopback address, or \
         use `behind_proxy` behind a TLS-terminating proxy"
    )]
    PlainHttp {
        /// The address.
        address: SocketAddr,
    },
    /// The certificate or its key cannot be used.
    #[cfg(feature = "listener")]
    #[error("there is no usable certificate")]
    Tls(#[from] eqp_tls::Error),
    /// The public listener stopped unexpectedly.
    #[error("the public listener failed")]
    Stopped(#[source] std::io::Error),
    /// A part of the receiver panicked and could not be restarted.
    #[error("a part of the receiver panicked")]
    Panicked,
}

impl Error {
    /// Returns whether the same call may succeed later without any change, for example when the database is up again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

// Only for this crate: the type of the driver's errors is not part of the public API.
#[doc(hidden)]
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
