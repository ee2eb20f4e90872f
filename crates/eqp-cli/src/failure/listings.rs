//! Converts errors of listings in git to failures with remedies.

use eqp_release::listing_files::{ListingError, PushError};

use super::{Exit, Failure};
use crate::output::escaped;

impl From<ListingError> for Failure {
    fn from(error: ListingError) -> Self {
        match error {
            ListingError::NotInStore { ref sku, versions } => {
                let failure = Self::new(Exit::NotFound, error.to_string());
                match versions {
                    0 => failure
                        .why("the account has no package with this SKU")
                        .next("check the SKU and --environment; `eqp products list` shows the products"),
                    _ => failure.next(format!("see its versions: eqp packages show --sku {}", escaped(sku.as_str()))),
                }
            }
            ListingError::Marketplace { sku, source } => {
                Self::from(*source).why(format!("the listing of {} was needed", escaped(sku.as_str())))
            }
            ListingError::Invalid { .. } => Self::usage(error.to_string())
                .next("correct or restore the file, or replace all edits by the values of the Marketplace: eqp listings pull --overwrite SKU"),
            ListingError::File { .. } => Self::usage("the listing was not read or written")
                .because(&error)
                .next("check the folder and its permissions, or select another with --dir"),
            _ => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

impl From<PushError> for Failure {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Request { sku, source } => {
                Self::from(source).why(format!("the prices of {} were not changed", escaped(sku.as_str())))
            }
            PushError::NotInEffect { ref sku } => Self::new(Exit::Rejected, error.to_string())
                .next(format!("see what is possible now: eqp packages show --sku {}", escaped(sku.as_str()))),
            _ => Self::new(Exit::Failed, error.to_string()).because(&error).next("compare again: eqp listings diff"),
        }
    }
}
