//! From callbacks to tracks and events.

mod run;

pub use run::Projector;
