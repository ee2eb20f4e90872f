//! Uploaded files: `/files/uploads`.

mod chosen;
mod delete;
mod get;
mod kind;
mod list;
mod part;
mod upload;

pub use kind::FileKind;
pub(crate) use part::ChangedFile;
pub use upload::{NoProgress, Progress};

use crate::Client;

/// Calls about uploaded files.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    client: &'a Client,
}

impl Client {
    /// Uploaded files.
    pub fn files(&self) -> Files<'_> {
        Files { client: self }
    }
}
