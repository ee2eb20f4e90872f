//! Embeddable receiver of EQP callbacks.
//!
//! The way of the data, one way only: route → accept → lane → store → pending → project → track and event →
//! readers. Nothing in `project` imports `accept`; only `store` holds SQL.

mod accept;
mod deliver;
mod endpoint;
mod error;
mod project;
mod read;
mod store;

pub use deliver::{Handler, HandlerError, HandlerLoop};
pub use error::Error;
pub use project::Projector;
pub use read::{
    CallbackCopy, Counts, Event, EventDetail, EventFilter, EventKind, FileFilter, FileState, Mark, Order, Reader,
    StoredCallback, Submission, SubmissionFilter, SubmissionHistory, Tail, UnknownWord, Verdict,
};
