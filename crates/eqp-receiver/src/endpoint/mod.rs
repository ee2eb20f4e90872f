//! The credentials that this receiver has loaded, and how they stay up to date.

pub(crate) mod credential_cache;
pub(crate) mod credential_index;
pub(crate) mod heartbeat;
pub(crate) mod registered_target;
pub(crate) mod snapshot;
pub(crate) mod usage;
