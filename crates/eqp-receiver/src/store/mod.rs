//! All SQL, one file per table family.

pub(crate) mod callback;
pub(crate) mod callback_outcome;
pub(crate) mod endpoint;
pub(crate) mod event;
pub(crate) mod handler_cursor;
pub(crate) mod instance;
pub(crate) mod kept;
pub(crate) mod listen;
pub(crate) mod listing;
pub(crate) mod pending;
pub(crate) mod projector;
pub(crate) mod receiver;
pub(crate) mod registration_lock;
pub(crate) mod reprojection;
pub(crate) mod retention;
pub(crate) mod rotation;
pub(crate) mod schema;
pub(crate) mod submissions;
pub(crate) mod track;
mod word;
