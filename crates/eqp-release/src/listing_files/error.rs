//! Errors of listings in git.

use std::path::PathBuf;

use eqp_types::Sku;

/// The reason why a listing cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListingError {
    /// The SKU cannot be the name of a folder.
    #[error("the SKU {sku} cannot be the name of a folder")]
    Folder {
        /// The SKU.
        sku: Sku,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file is not what this crate has written.
    #[error("{} is not valid: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// No version of the product is in the store.
    #[error("no version of {sku} is in the store")]
    NotInStore {
        /// The SKU.
        sku: Sku,
        /// The number of versions at the Marketplace.
        versions: usize,
    },
    /// The Marketplace could not be read.
    #[error("the listing of {sku} cannot be read")]
    Marketplace {
        /// The SKU.
        sku: Sku,
        /// The cause.
        source: Box<eqp_client::Error>,
    },
    /// The Marketplace returned a version that cannot be identified or converted.
    #[error("the Marketplace describes the version of {sku} in the store in a way that cannot be used: {reason}")]
    Unusable {
        /// The SKU.
        sku: Sku,
        /// The reason.
        reason: String,
    },
}
