//! The status of products: what needs the vendor, what is stuck, what is in review, and what is fine.
//!
//! Facts are read from the database or, without one, from the Marketplace. A pure function then puts each product into the first group that
//! applies. The tool and the pages show the same result.

mod changes;
mod channel;
mod facts;
mod gather;
mod group;
mod lines;
mod listings;
mod marketplace;
mod model;
mod reasons;
mod review;
mod text;
mod version;
mod words;

pub(crate) use self::gather::{StatusError, status_of_database};
pub use self::marketplace::{MarketplaceStatusError, status_of_marketplace};
pub use self::model::{
    Channel, ChannelEndpointState, DueDate, FlowLine, NextStep, ProductStatus, SetupState, SetupStep, SetupStepKind,
    Stale, Status, StatusAccount, StatusSource, VersionLine, VersionState,
};
pub use self::review::model::{
    RejectionReason, ReviewFinding, ReviewNext, ReviewStep, ReviewStepState, ReviewTrack, SubmissionReview,
    TimelineEntry, TimelineKind,
};
pub(crate) use self::review::reviews_of;
pub use self::review::source::VersionSource;
pub(crate) use self::version::compare as compare_versions;
pub(crate) use self::words::status as status_in_words;
