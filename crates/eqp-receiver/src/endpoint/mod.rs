//! The credentials that this receiver has loaded. They are refreshed when they change in the database.

pub(crate) mod credential_cache;
pub(crate) mod credential_index;
pub(crate) mod heartbeat;
pub(crate) mod registered_target;
pub(crate) mod rejections;
pub(crate) mod snapshot;
pub(crate) mod usage;
