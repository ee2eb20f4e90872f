//! Creates endpoints and credentials, and hashes and seals passwords and access keys.

#[doc(hidden)]
pub(crate) mod access_key;
mod administration;
#[doc(hidden)]
pub(crate) mod canary;
#[doc(hidden)]
pub(crate) mod keyed_hash;
mod master_key;
#[doc(hidden)]
pub(crate) mod path;
#[doc(hidden)]
mod sealed;

pub use administration::Endpoints;
pub use master_key::MasterKey;
