//! A local file, and its comparison with uploaded files.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use eqp_types::FileRecord;
use md5::{Digest, Md5};

use super::error::Error;

/// The number of hex digits of an MD5 checksum. Other checksums have been observed and are not compared.
const MD5_DIGITS: usize = 32;

/// The identity of a file: its name, size and checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) bytes: u64,
    /// The MD5 checksum in hex, which the Marketplace reports after the scan has passed.
    pub(super) md5: String,
}

impl LocalFile {
    /// Reads a file. Blocks the thread.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |source: std::io::Error| Error::Unreadable { path: path.to_owned(), source };
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let name = name.ok_or_else(|| Error::Unnamed { path: path.to_owned() })?;
        let mut file = std::fs::File::open(path).map_err(unreadable)?;
        let mut chunk = vec![0; 64 * 1024];
        let (mut hash, mut bytes) = (Md5::new(), 0);
        loop {
            let read = file.read(&mut chunk).map_err(unreadable)?;
            if read == 0 {
                break;
            }
            hash.update(&chunk[..read]);
            bytes += read as u64;
        }
        let md5 = hash.finalize().iter().fold(String::new(), |mut text, byte| {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(Self { path: path.to_owned(), name, bytes, md5 })
    }

    /// Returns whether `record` is this file. Before the scan has passed there is no checksum, so only name and size are compared, and the
    /// file is compared again later. A file with a failed scan never matches, because the local file may have been fixed since.
    pub(super) fn is(&self, record: &FileRecord) -> bool {
        let has_failed = record.malware_status.as_ref().is_some_and(eqp_types::MalwareStatus::has_failed);
        let has_size = record.file.size.is_none_or(|size| u64::try_from(size).is_ok_and(|size| size == self.bytes));
        let has_name = record.file.filename.as_deref() == Some(&self.name);
        let has_hash = match &record.file_hash {
            Some(hash) if hash.len() == MD5_DIGITS => hash.eq_ignore_ascii_case(&self.md5),
            _ => true,
        };
        !has_failed && has_size && has_name && has_hash
    }

    /// Returns whether `record` has the same content, possibly with another name.
    pub(super) fn has_content_of(&self, record: &FileRecord) -> bool {
        record.file_hash.as_deref().is_some_and(|hash| hash.eq_ignore_ascii_case(&self.md5)) || self.is(record)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_known_by_name_size_and_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        std::fs::write(&path, "abc").unwrap();
        let file = LocalFile::read(&path).unwrap();
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        assert_eq!((file.name.as_str(), file.bytes, file.md5.as_str()), ("a.zip", 3, md5));
        for (record, same) in [
            (json!({"filename": "a.zip", "size": 3, "malware_status": "in-progress"}), true),
            (
                json!({"filename": "a.zip", "size": "3", "malware_status": "pass", "file_hash": md5.to_uppercase()}),
                true,
            ),
            (json!({"filename": "a.zip", "size": 3, "malware_status": "pass", "file_hash": "0".repeat(40)}), true),
            (json!({"filename": "a.zip", "size": 3, "malware_status": "pass", "file_hash": "0".repeat(32)}), false),
            (json!({"filename": "a.zip", "size": 3, "malware_status": "fail"}), false),
            (json!({"filename": "a.zip", "size": 4, "malware_status": "queued"}), false),
            (json!({"filename": "b.zip", "size": 3, "malware_status": "queued"}), false),
        ] {
            let mut record = record;
            record["file_upload_id"] = json!("1.2.3");
            let record: FileRecord = serde_json::from_value(record).unwrap();
            assert_eq!(file.is(&record), same, "{record:?}");
        }
        let renamed = json!({"file_upload_id": "1", "filename": "a_1.zip", "size": 3, "file_hash": md5});
        let renamed: FileRecord = serde_json::from_value(renamed).unwrap();
        assert!(!file.is(&renamed) && file.has_content_of(&renamed));
        assert!(matches!(LocalFile::read(&folder.path().join("none.zip")), Err(Error::Unreadable { .. })));
    }
}
