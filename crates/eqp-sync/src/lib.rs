#![doc = include_str!("../README.md")]

mod alerts;
mod check;
mod error;
mod listings;
mod marketplace_clock;
mod public_url;
mod readiness;
mod reconcile;
mod registration;

pub use alerts::{
    AlertEngine, AlertError, AlertEvaluation, AlertKind, AlertList, AlertService, AlertSettings, AlertText, Alerts,
    Condition, ProductReviewTime, QuietHours, QuietHoursError, Stage, StuckLimits, SupportLetter, SupportLetters,
    Typical,
};
#[doc(hidden)]
pub use alerts::{AlertOperation, AlertVerb, ReviewClock, ReviewTime, quoted_id};
pub use check::{Check, CheckState};
pub use error::Error;
pub use listings::{CheckListings, ListingDue, ListingFindings, ListingRule, PackagistConflict};
#[doc(hidden)]
pub use listings::{ListingsDue, due_together, listing_findings};
pub use marketplace_clock::ahead_of_marketplace;
pub use public_url::{
    CANARY_BODY, CanaryCredential, CanaryError, PublicUrlError, ReachedUrl, probe_public_url, send_canary,
};
pub use readiness::{ProbeError, ProbeTls, probe_address, probe_receiver};
#[doc(hidden)]
pub use reconcile::tool_in_words;
pub use reconcile::{
    ConfiguredKey, Connect, Difference, DifferenceReason, PagingError, ReconcileError, ReconcileIntervals,
    ReconcileKind, ReconcileReport, ReconcileScope, ReconcileService, ReconcileTarget, Reconciler, StatusDifference,
};
pub use registration::{
    Applied, Confirmation, Drift, EntrySelector, NewRegistration, Plan, Refused, RegistrationState, Registrations,
    Removal, Repair, Snapshot, Step, Unmanaged, replaced,
};
