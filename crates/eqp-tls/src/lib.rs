//! Server identities: a certificate with its key, from files or from a local CA.
//!
//! The local CA is for development, tests and the simulator. It is made on first use, keeps its key in a
//! file of mode 0600, and its certificate is what a peer is told to trust. Certificate checks are never
//! turned off anywhere.

mod certificate;
mod error;
mod identity;
mod local_ca;
mod pem;
mod server_identity;
mod small_file;

pub use certificate::Validity;
pub use error::Error;
pub use identity::Identity;
pub use local_ca::LocalCa;
pub use server_identity::ServerIdentity;
pub use small_file::{check_regular, read_small_file};
