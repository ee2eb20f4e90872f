//! The files of a listing: how they are written in a manifest, and what they are by their first bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer};

use super::Artifact;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Pdf,
    Png,
    Jpeg,
    Other,
}

/// A file as it lies there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) bytes: u64,
    pub(crate) format: Format,
}

/// Looks at size and first bytes.
pub(crate) fn look(path: &Path) -> io::Result<Look> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut first = Vec::new();
    file.take(1024).read_to_end(&mut first)?;
    Ok(Look { bytes: metadata.len(), format: format(&first) })
}

fn format(first: &[u8]) -> Format {
    if first.starts_with(b"\x89PNG\r\n\x1a\n") {
        Format::Png
    } else if first.starts_with(b"\xFF\xD8\xFF") {
        Format::Jpeg
    } else if memchr::memmem::find(first, b"%PDF-").is_some() {
        // Readers take a PDF that begins a little later.
        Format::Pdf
    } else {
        Format::Other
    }
}

impl<'de> Deserialize<'de> for Artifact {
    /// A path alone, or a table with `file` or `file_upload_id`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Written {
            Path(PathBuf),
            Table { file: Option<PathBuf>, file_upload_id: Option<String> },
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Path(file) => Self { file: Some(file), file_upload_id: None },
            Written::Table { file, file_upload_id } => Self { file, file_upload_id },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        assert_eq!(format(b"%PDF-1.7\n"), Format::Pdf);
        assert_eq!(format(b"\xEF\xBB\xBF%PDF-1.4"), Format::Pdf);
        assert_eq!(format(b"\x89PNG\r\n\x1a\n\0\0"), Format::Png);
        assert_eq!(format(b"\xFF\xD8\xFF\xE0"), Format::Jpeg);
        assert_eq!(format(b"GIF89a"), Format::Other);
        assert_eq!(format(b""), Format::Other);
    }

    #[test]
    fn a_file_is_written_as_a_path_or_as_an_id() {
        let read = |json: &str| serde_json::from_str::<Artifact>(json).unwrap();
        assert_eq!(read("\"a.pdf\"").file, Some("a.pdf".into()));
        assert_eq!(read("{\"file\": \"a.pdf\"}").file, Some("a.pdf".into()));
        assert_eq!(read("{\"file_upload_id\": \"5c.1\"}").file_upload_id.as_deref(), Some("5c.1"));
    }
}
