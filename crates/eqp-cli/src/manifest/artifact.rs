//! A file of a package: where it lies, or the id under which the Marketplace has it.

use std::fmt;
use std::path::{Path, PathBuf};

use eqp_types::FileUploadId;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

/// A file of a package. Written as a path, as `{ file = "path" }` or as `{ file_upload_id = "…" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileSource {
    /// A file of this machine, to be uploaded.
    Path(PathBuf),
    /// A file that is uploaded already.
    Uploaded(FileUploadId),
}

impl FileSource {
    /// The path, if it has to be uploaded.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Uploaded(_) => None,
        }
    }

    /// A path is meant from the folder that the manifest is in.
    pub(super) fn in_folder(&mut self, folder: &Path) {
        if let Self::Path(path) = self {
            *path = folder.join(&*path);
        }
    }
}

/// `{"file_upload_id": …}` as the API takes it; a file that is not uploaded yet shows as `{"file": …}`.
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
        optional(deserializer)?.ok_or_else(|| de::Error::custom("it names no file: write a path, or a file_upload_id"))
    }
}

/// Reads a file, or none where the API says "nothing": `null`, `[]`, `{}`, `""`; use with `#[serde(default)]`.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FileSource>, D::Error> {
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
            (Some(_), Some(_)) => Err(de::Error::custom("it has both a file and a file_upload_id: leave one out")),
            (Some(path), None) => Ok(Some(FileSource::Path(path))),
            (None, Some(id)) => Ok(Some(FileSource::Uploaded(id))),
            (None, None) => Ok(None),
        }
    }
}

/// What the API shows beside the id can stand there, and is not sent: it would be ignored.
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
