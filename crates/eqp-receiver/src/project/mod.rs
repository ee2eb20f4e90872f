//! From callbacks to tracks and events: bytes → notice → observations → the rule → what to write.

#[cfg(test)]
mod any_body;
pub(crate) mod backlog;
mod batch;
mod changes;
mod decide;
mod decode;
mod fold;
mod guard;
mod history;
mod notice;
#[cfg(test)]
mod random_reviews;
mod rebuilt;
mod reproject;
mod run;

pub(crate) use batch::{Numbers, Pending, Track, Tracks};
pub(crate) use changes::{CallbackOutcome, NewEvent};
pub(crate) use decide::{State, spelled, spelled_in_some_flow};
pub(crate) use decode::{Decoded, decode_unguarded};
#[cfg(debug_assertions)]
pub(crate) use guard::fault;
pub(crate) use history::{History, Past};
pub(crate) use notice::{Said, Subject};
pub use reproject::{ReprojectScope, Reprojected, Reprojector};
pub use run::Projector;
