//! The dates of listings in the store, computed from Adobe's published rules and the release lines of Adobe Commerce.
//!
//! Adobe runs its tests again for each new release, and marks the listings that pass. Its e-mails take precedence over these dates.

mod due;
mod lines;
mod live;
mod recertify;
mod source;

pub use self::due::{ListingDate, ListingDateKind, dates_due};
pub use self::lines::{ReleaseLine, ReleaseLines, ReleaseLinesError};
pub use self::live::{EditionClaims, LiveListing, live_listings};
pub use self::recertify::{Recertification, recertify};
pub use self::source::{RequiresError, read_requires};
