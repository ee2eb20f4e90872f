//! The last findings about the listings of an account.

use time::OffsetDateTime;

use super::AccountId;

/// The last findings about the listings of an account in the store, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredListingCheck {
    pub account: AccountId,
    pub checked_at: OffsetDateTime,
    pub findings: String,
}
