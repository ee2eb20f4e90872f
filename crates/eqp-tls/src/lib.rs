#![doc = include_str!("../README.md")]

#[cfg(feature = "identity")]
mod certificate;
#[cfg(feature = "identity")]
mod error;
#[cfg(feature = "identity")]
mod exact_certificate;
#[cfg(feature = "identity")]
mod identity;
#[cfg(feature = "listener")]
pub mod listener;
#[cfg(feature = "local-ca")]
mod local_ca;
#[cfg(feature = "identity")]
mod pem;
#[cfg(feature = "identity")]
mod server_identity;
mod small_file;
mod source;

#[cfg(feature = "identity")]
pub use certificate::{Validity, ValidityProblem};
#[cfg(feature = "local-ca")]
pub use error::IssueError;
#[cfg(feature = "identity")]
pub use error::{Error, TlsError};
#[cfg(feature = "identity")]
pub use exact_certificate::exact_certificate_client;
#[cfg(feature = "identity")]
pub use identity::Identity;
#[cfg(feature = "local-ca")]
pub use local_ca::LocalCa;
#[cfg(feature = "identity")]
pub use server_identity::ServerIdentity;
pub use small_file::{check_regular, read_small_file};
pub use source::Source;
