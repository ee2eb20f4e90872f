//! The listings in the store: versions that only Packagist has, and dates that are due.
//!
//! A server compares them once a day, after it has reconciled an account. Its findings are stored, open alerts, and are part of the status of
//! products.

mod check;
mod due;
mod findings;

pub use check::{CheckListings, listing_findings};
pub(crate) use check::{ListingChecks, considered_since, read};
pub(crate) use due::sentence;
pub use due::{ListingsDue, due_together};
pub use findings::{ListingDue, ListingFindings, ListingRule, PackagistConflict};
