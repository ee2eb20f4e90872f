//! Parts put together: what several commands stand on.

pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod hangup;
pub(crate) mod open_files;
pub(crate) mod receiver;
pub(crate) mod registration;
pub(crate) mod shutdown;
pub(crate) mod upload;
