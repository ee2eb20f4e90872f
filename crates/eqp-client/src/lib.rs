#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answer;
mod callback_list;
pub mod callbacks;
mod calls;
mod client;
mod error;
mod error_body;
mod failure;
pub mod files;
pub mod keys;
pub mod packages;
mod page;
mod problem;
mod proxy;
mod redact;
pub mod reports;
mod retry;
mod retry_after;
mod session;
pub mod test_results;
mod transport;
pub mod users;

pub use calls::methods_of;
pub use client::{Client, ClientBuilder};
pub use eqp_types as types;
pub use error::{Error, HttpError};
pub use packages::{PackageField, PackageFilter};
pub use page::{Page, UnreadableRecord};
pub use problem::{Call, FileProblem, TlsProblem};
pub use redact::KeptBody;
pub use retry::RetryPolicy;
pub use session::Session;

/// For the other crates of this project, which are released together with this one.
#[doc(hidden)]
pub mod internal {
    pub use crate::failure::find_cause;
}
