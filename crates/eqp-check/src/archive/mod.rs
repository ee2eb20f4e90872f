//! Reads archives with limited memory, regardless of their content. Problems of an archive are results, not errors.

mod entry;
mod extract;
mod layout;
mod metadata;
mod preflight;
mod shared_file;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use zip::read::{Config, OwnedZipFileEntry, ZipFile};
use zip::result::ZipResult;
// The stable reader drops one of two entries with the same name.
use zip::unstable::read::ZipIterable;

pub(crate) use entry::{Encoding, Entry, EntryKind};
pub use extract::unpack_all;
pub(crate) use extract::{Damage, Visitor, unpack, visit_files};
pub(crate) use layout::PackageRoot;
pub use metadata::{Metadata, read_lines, read_metadata};
pub(crate) use preflight::NotZip;

use self::shared_file::SharedFile;
use crate::error::Error;
use crate::limits::{MAX_ENTRIES, MAX_OPENED_BYTES};

/// An archive with its directory.
pub(crate) struct Archive {
    file: SharedFile,
    records: Vec<OwnedZipFileEntry>,
    /// The entries in the order of the directory. A duplicate name has two entries.
    pub(crate) entries: Vec<Entry>,
    by_name: HashMap<Box<str>, EntryIndexes>,
    /// The root folder of the package.
    pub(crate) root: PackageRoot,
    /// The choice between two entries with the same name.
    pub(crate) occurrence: Occurrence,
}

/// The entries with the same name.
#[derive(Clone, Copy)]
struct EntryIndexes {
    first: usize,
    last: usize,
}

/// Selects one of two entries with the same name. Programs differ in which one they use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Occurrence {
    /// The first one, as in PHP.
    #[default]
    First,
    /// The last one, as in many libraries.
    Last,
}

/// The reason why an archive was not opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// It is not a zip archive, or it is truncated.
    NotZip(NotZip),
    /// It has too many entries, so its directory is not read.
    TooManyEntries(u64),
    /// It is too large, so its directory is not read.
    TooLarge,
}

/// Opens a file as an archive. Returns its size, and the archive or why it was not opened.
pub(crate) fn open(path: &Path) -> Result<(u64, Result<Archive, OpenError>), Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    let bytes = metadata.len();
    let opened = open_shared(SharedFile::new(file, bytes), bytes).map_err(read)?;
    Ok((bytes, opened))
}

/// Opens an archive in memory.
pub(crate) fn open_bytes(bytes: Arc<[u8]>) -> Result<Archive, OpenError> {
    let length = bytes.len() as u64;
    open_shared(SharedFile::in_memory(bytes), length).expect("reading from memory does not fail")
}

fn open_shared(mut file: SharedFile, bytes: u64) -> io::Result<Result<Archive, OpenError>> {
    let preflight = preflight::of(&mut file, bytes)?;
    if bytes > MAX_OPENED_BYTES {
        return Ok(Err(preflight.map_or(OpenError::TooLarge, OpenError::NotZip)));
    }
    if let Some(what) = preflight {
        return Ok(Err(OpenError::NotZip(what)));
    }
    let declared = preflight::declared_entries(&mut file)?;
    if declared > MAX_ENTRIES {
        return Ok(Err(OpenError::TooManyEntries(declared)));
    }
    Ok(Archive::read(file))
}

impl Archive {
    fn read(mut file: SharedFile) -> Result<Self, OpenError> {
        let not_zip = |error: &zip::result::ZipError| OpenError::NotZip(preflight::from_zip_error(error));
        let mut directory = ZipIterable::try_new(file.clone(), Config::default()).map_err(|error| not_zip(&error))?;
        let records: Vec<OwnedZipFileEntry> = directory
            .files()
            .map_err(|error| not_zip(&error))?
            .map(|record| record.map(OwnedZipFileEntry::from))
            .collect::<ZipResult<_>>()
            .map_err(|error| not_zip(&error))?;
        let entries: Vec<_> = records.iter().enumerate().map(|(index, record)| Entry::of(record, index)).collect();
        let mut by_name = HashMap::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let indexes =
                by_name.entry(entry.name.as_str().into()).or_insert(EntryIndexes { first: index, last: index });
            indexes.last = index;
        }
        let root = PackageRoot::of(entries.iter().map(|entry| entry.name.as_str()));
        // Clones of the file start reading at its current position.
        file.seek(SeekFrom::Start(0)).map_err(|error| OpenError::NotZip(preflight::from_zip_error(&error.into())))?;
        Ok(Self { file, records, entries, by_name, root, occurrence: Occurrence::First })
    }

    /// Returns the file with this path from the root of the package.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        let indexes = match self.root.prefix() {
            "" => self.by_name.get(name),
            root => self.by_name.get(format!("{root}{name}").as_str()),
        }?;
        self.entries.get(match self.occurrence {
            Occurrence::First => indexes.first,
            Occurrence::Last => indexes.last,
        })
    }

    /// Returns whether there are duplicate names.
    pub(crate) fn has_duplicates(&self) -> bool {
        self.by_name.len() < self.entries.len()
    }

    /// Returns whether an earlier entry has the same name.
    pub(crate) fn is_shadowed(&self, entry: &Entry) -> bool {
        self.by_name.get(entry.name.as_str()).is_some_and(|indexes| indexes.first != entry.index)
    }

    /// Returns the path of an entry from the root of the package.
    pub(crate) fn package_path<'a>(&self, entry: &'a Entry) -> &'a str {
        entry.name.strip_prefix(self.root.prefix()).unwrap_or(&entry.name)
    }

    /// Returns an independent reader for [`Self::unpacked`].
    fn reader(&self) -> SharedFile {
        self.file.clone()
    }

    /// Returns a reader for the uncompressed content of an entry.
    fn unpacked<'a>(&'a self, entry: &Entry, reader: &'a mut SharedFile) -> ZipResult<ZipFile<'a, SharedFile>> {
        self.records[entry.index].as_ref().with_reader(reader, zip::ZipReadOptions::new())
    }

    /// Reads a file of at most `limit` bytes. Returns `None` if it is larger or cannot be unpacked; the check of all files reports the
    /// reason.
    pub(crate) fn read_whole(&self, entry: &Entry, limit: u64) -> Option<Vec<u8>> {
        if entry.bytes > limit || !entry.is_readable() {
            return None;
        }
        let mut reader = self.reader();
        let mut bytes = Vec::new();
        self.unpacked(entry, &mut reader).ok()?.take(limit + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= limit).then_some(bytes)
    }
}
