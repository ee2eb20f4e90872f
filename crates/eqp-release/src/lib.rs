#![doc = include_str!("../README.md")]

pub mod build;
mod check;
mod dependencies;
mod event_source;
pub mod explain;
mod find_by_id;
mod follow_up;
pub mod listing_dates;
pub mod listing_files;
pub mod manifest;
pub mod notes;
pub mod previous;
mod products;
pub mod published;
mod referenced_files;
mod release;
mod release_order;
mod reviews;
mod selection;
mod send;
mod submission;
mod task_error;
pub mod tools;
mod type_error;
pub mod wait;

pub use check::{CheckError, CheckedArchive, run_check};
pub use dependencies::{Dependency, DependencyState, Requirement};
pub use event_source::{EventSource, EventSourceError, RecordedEvents};
pub use find_by_id::find_by_id;
pub use follow_up::{FollowUp, FollowUpResult, ProgramEnd, ReleasedVersion};
pub use products::{MarketplaceProduct, products_of, read_packages};
pub use release::{
    Change, Error, Event, FailedTest, FailureReasons, NoProgress, PatchPrediction, Phase, Plan, Poller, Progress,
    Release, ReleaseResult, RemoteFile, ReportedTest, Reviews, Step, Target, Until, reported_test, review_phases,
    running_reviews,
};
pub use release_order::{CircularRequirement, release_order};
pub use reviews::{RequestedAction, Track, TrackError, requested_action};
pub use selection::{SelectedPackage, Selection, SelectionError, select_by_sku, select_package};
pub use send::{SendError, send_when_scanned};
pub use submission::{FindError, find_submission, recall_action};
pub use task_error::TaskError;

/// Items for the other crates of this project, which are released together with this one.
#[doc(hidden)]
pub mod internal {
    pub use crate::release::is_older;
    pub use crate::type_error::{Format, ShowValues, describe_type_error};
}
