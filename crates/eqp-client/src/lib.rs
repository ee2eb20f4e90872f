//! A typed async client of the Adobe Commerce (Magento) Marketplace EQP API.
//!
//! It is shaped like the API's paths: [`Client::users`], [`Client::files`], [`Client::packages`],
//! [`Client::test_results`], [`Client::keys`], [`Client::reports`], and [`Client::callbacks`] for the one field
//! of the profile that cannot be changed without reading it first. Session tokens come and go by themselves.
//! Every wait has a deadline, every answer is bounded, and an [`Error`] says which call failed, with what, and
//! whether trying again can help.
//!
//! ```no_run
//! use eqp_client::types::{ApiKey, Environment, Secret};
//! use eqp_client::{Client, PackageField, PackageFilter};
//!
//! # async fn example() -> Result<(), eqp_client::Error> {
//! let key = ApiKey { application_id: "my-id".into(), application_secret: Secret::new("my secret") };
//! let client = Client::builder(Environment::Sandbox, key).build()?;
//! println!("I am {}", client.session().await?.mage_id);
//!
//! let uploaded = client.files().upload(&["my-extension-1.0.0.zip"]).await?;
//! println!("the archive is {}", uploaded[0].file_upload_id);
//!
//! let newest = PackageFilter::new().matching(PackageField::OverallStatus, "in_progress").limit(10);
//! for package in client.packages().list(&newest).await?.items {
//!     println!("{:?} {:?}", package.sku, package.version);
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod answer;
mod call;
pub mod callbacks;
mod client;
pub mod endpoint;
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

pub use client::{Client, ClientBuilder};
pub use eqp_types as types;
pub use error::Error;
pub use packages::{PackageField, PackageFilter};
pub use page::Page;
pub use problem::{Call, FileProblem, TlsProblem};
pub use redact::KeptBody;
pub use retry::RetryPolicy;
pub use session::Session;
