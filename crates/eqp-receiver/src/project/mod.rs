//! From callbacks to tracks and events: bytes → notice → observations → the rule → what to write.

pub(crate) mod backlog;
mod batch;
mod changes;
mod decide;
mod decode;
mod fold;
mod history;
mod notice;
#[cfg(test)]
mod random_reviews;
mod rebuilt;
mod reproject;
mod run;

pub(crate) use batch::{Numbers, Pending, Track, Tracks};
pub(crate) use changes::{CallbackOutcome, NewEvent};
pub(crate) use decide::{State, spelled};
pub(crate) use decode::{Decoded, decode};
pub(crate) use history::{History, Past};
pub(crate) use notice::{Said, Subject};
pub use reproject::{ReprojectScope, Reprojected, Reprojector};
pub use run::Projector;
