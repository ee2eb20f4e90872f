//! Projects callbacks and API reads into tracks and events: decodes each body into a status report, applies the rule to its observations, and
//! writes the result.

#[cfg(test)]
mod any_body;
mod batch;
mod decide;
mod decode;
mod difference;
mod fold;
mod history;
mod missing;
#[cfg(test)]
mod random_reviews;
mod report;
mod reproject;
mod run;
mod undecodable;

pub(crate) use decode::{Decoded, decode_unguarded};
pub use reproject::{ReprojectScope, Reprojected, Reprojector};
pub use run::Projector;
#[cfg(debug_assertions)]
pub(crate) use undecodable::fault;
