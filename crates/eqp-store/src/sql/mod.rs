//! All SQL of the project, one file per table family.

pub mod callback;
pub mod callback_disposition;
mod column;
pub mod commit_failure;
pub mod endpoint;
pub mod event;
pub mod handler_cursor;
pub mod instance;
pub mod listen;
pub(crate) mod listing;
pub mod pending;
pub mod projector;
pub mod receiver;
pub(crate) mod registration_lock;
pub mod reprojection;
pub(crate) mod retention;
pub mod rotation;
pub mod schema;
pub(crate) mod stored_callback;
pub(crate) mod submissions;
pub mod track;
pub mod upgrade;
pub mod write;
