//! Checks whether a public URL leads to a receiver, as seen from this machine or from another one.

mod canary;
mod probe;
mod request;

pub use canary::{CANARY_BODY, CanaryCredential, CanaryError, send_canary};
pub use probe::probe_public_url;
pub use request::{PublicUrlError, ReachedUrl};
