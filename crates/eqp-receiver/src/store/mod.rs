//! All SQL, one file per table family.

pub(crate) mod callback;
pub(crate) mod endpoint;
pub(crate) mod instance;
pub(crate) mod schema;
