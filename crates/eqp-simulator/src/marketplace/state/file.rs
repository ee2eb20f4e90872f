//! Uploaded files.

use std::collections::BTreeSet;

use eqp_types::{FileUploadId, MalwareStatus};
use serde_json::{Value, json};

use super::package::PackageIndex;
use crate::archive::Composer;

/// The properties of an uploaded file; its content is not stored.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    pub(crate) filename: String,
    pub(crate) content_type: String,
    pub(crate) size: u64,
    pub(crate) md5: String,
    /// The name and version from the archive's composer.json, if it has one.
    pub(crate) composer: Option<Composer>,
}

/// A stored file.
#[derive(Clone, Debug)]
pub(crate) struct FileEntry {
    pub(crate) id: FileUploadId,
    pub(crate) file: NewFile,
    pub(crate) malware_status: MalwareStatus,
    pub(crate) packages: BTreeSet<PackageIndex>,
}

impl FileEntry {
    /// Returns the item of the upload's response.
    pub(crate) fn as_uploaded(&self) -> Value {
        json!({
            "filename": self.file.filename,
            "content_type": self.file.content_type,
            "size": self.file.size,
            "file_upload_id": self.id,
        })
    }
}
