//! Listings in git: the texts, images, prices and categories of a product in a folder, which can be compared with the Marketplace.
//!
//! ```no_run
//! # async fn example(client: eqp_client::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use eqp_release::listing_files::{Listing, ListingFolder, compare};
//!
//! let sku = eqp_types::Sku::new("acme/checkout")?;
//! let live = Listing::read(&client, &sku).await?;
//! let folder = ListingFolder::new("listings".as_ref(), &sku)?;
//! match folder.read()? {
//!     None => folder.write(&live, live.fields())?,
//!     Some(stored) => {
//!         for change in compare(&stored, &live) {
//!             println!("{}: starts a review: {}", change.field, change.starts_review());
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod compare;
mod error;
mod fields;
mod folder;
mod json_text;
mod price_push;

pub use compare::{ChangeSide, ListingChange, compare, merge};
pub use error::ListingError;
pub use fields::{Listing, is_live_version};
pub use folder::{ListingFolder, StoredListing};
pub use price_push::{PricePush, PushError, PushRefusal};
