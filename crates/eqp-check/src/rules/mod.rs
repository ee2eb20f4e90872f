//! What each rule of the book looks for. Pure functions over what was read; findings go into the ledger.

pub(crate) mod archive;
pub(crate) mod autoload;
pub(crate) mod component;
pub(crate) mod composer;
pub(crate) mod dependencies;
pub(crate) mod listing;
mod secret;
pub(crate) mod text;
