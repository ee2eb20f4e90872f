//! The fields that are submitted with an archive: the package model of `eqp-types`, with files that may not be uploaded yet.
//!
//! All fields are optional. The rules decide which fields a submission needs.

use std::fmt;
use std::path::{Path, PathBuf};

use eqp_types::{FileUploadId, PackageDraft};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

/// The fields of a package that are submitted with its archive.
pub type Listing = PackageDraft<FileSource>;

/// A file of a package. In a manifest, it is a path, `{ file = "path" }` or `{ file_upload_id = "…" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSource {
    /// A local file, to be uploaded.
    Path(PathBuf),
    /// An uploaded file.
    Uploaded(FileUploadId),
}

impl FileSource {
    /// Returns the path of a local file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Uploaded(_) => None,
        }
    }

    /// Resolves a relative path against `folder`, such as the folder of the manifest.
    pub fn resolve(&mut self, folder: &Path) {
        if let Self::Path(path) = self {
            *path = folder.join(&*path);
        }
    }
}

/// Serializes an uploaded file as `{"file_upload_id": …}`, as the API expects it, and a local file as `{"file": …}`.
impl Serialize for FileSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Path(path) => map.serialize_entry("file", path)?,
            Self::Uploaded(id) => map.serialize_entry("file_upload_id", id)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for FileSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        optional(deserializer)?.ok_or_else(|| de::Error::custom("no file is specified; use a path or a file_upload_id"))
    }
}

/// Reads a file, or `None` for the empty values of the API: `null`, `[]`, `{}` and `""`.
fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FileSource>, D::Error> {
    deserializer.deserialize_any(File)
}

struct File;

impl<'de> Visitor<'de> for File {
    type Value = Option<FileSource>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, { file = \"path\" } or { file_upload_id = \"id\" }")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<Self::Value, E> {
        Ok((!path.is_empty()).then(|| FileSource::Path(path.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        match items.next_element::<IgnoredAny>()? {
            None => Ok(None),
            Some(_) => Err(de::Error::invalid_type(de::Unexpected::Seq, &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        let object = Object::deserialize(MapAccessDeserializer::new(fields))?;
        match (object.file, object.file_upload_id) {
            (Some(_), Some(_)) => Err(de::Error::custom("file and file_upload_id cannot be used together")),
            (Some(path), None) => Ok(Some(FileSource::Path(path))),
            (None, Some(id)) => Ok(Some(FileSource::Uploaded(id))),
            (None, None) => Ok(None),
        }
    }
}

/// The fields of a file object. Fields that the API returns with the ID are accepted, but not sent, because the API would ignore them.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Object {
    file: Option<PathBuf>,
    file_upload_id: Option<FileUploadId>,
    #[serde(rename = "filename")]
    _filename: IgnoredAny,
    #[serde(rename = "content_type", alias = "content-type")]
    _content_type: IgnoredAny,
    #[serde(rename = "size")]
    _size: IgnoredAny,
    #[serde(rename = "url")]
    _url: IgnoredAny,
    #[serde(rename = "file_hash")]
    _file_hash: IgnoredAny,
    #[serde(rename = "malware_status")]
    _malware_status: IgnoredAny,
}
