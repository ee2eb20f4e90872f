//! The archive reader: bounded memory, whatever the archive is. What is wrong with an archive is an answer, not an error.

mod entry;
mod facts;
mod layout;
mod shared_file;
mod tail;
mod unpack;
mod walk;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zip::ZipArchive;

pub(crate) use entry::{Entry, Nature};
pub use facts::{Facts, facts};
pub(crate) use layout::Top;
pub(crate) use unpack::unpack;
pub(crate) use walk::{Damage, Visitor, walk};

use self::shared_file::SharedFile;
use crate::error::Error;
use crate::limits::{LARGEST_OPENED, MOST_ENTRIES};

/// An archive whose directory was read.
pub(crate) struct Archive {
    zip: ZipArchive<SharedFile>,
    /// What it holds, in the order of its directory.
    pub(crate) entries: Vec<Entry>,
    /// Where the package begins.
    pub(crate) top: Top,
    /// Whether a name is there twice. Only one of the two is among the entries.
    pub(crate) has_twice: bool,
}

/// Why an archive was not opened.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is no zip, or cut short.
    NoZip(String),
    /// It holds so many entries that its directory is not read.
    TooMany(u64),
    /// It is so large that its directory is not read.
    TooLarge,
}

/// Opens a file that is to be an archive; its size, and what came of it.
pub(crate) fn open(path: &Path) -> Result<(u64, Result<Archive, Refused>), Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    if !metadata.is_file() {
        return Err(Error::NoFile { path: path.to_owned() });
    }
    let bytes = metadata.len();
    let mut file = SharedFile::new(file, bytes);
    if bytes > LARGEST_OPENED {
        return Ok((bytes, Err(Refused::TooLarge)));
    }
    let promised = tail::promised_entries(&mut file).map_err(read)?;
    if promised > MOST_ENTRIES {
        return Ok((bytes, Err(Refused::TooMany(promised))));
    }
    Ok((bytes, Archive::read(file)))
}

impl Archive {
    fn read(file: SharedFile) -> Result<Self, Refused> {
        let zip = ZipArchive::new(file).map_err(|error| Refused::NoZip(error.to_string()))?;
        let has_twice = zip.has_duplicate_names();
        let entries: Vec<_> = (0..zip.len()).filter_map(|index| Entry::read(&zip, index)).collect();
        let top = Top::of(entries.iter().map(|entry| entry.name.as_str()));
        Ok(Self { zip, entries, top, has_twice })
    }

    /// The file with this name, from the package's top.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        let top = self.top.prefix();
        self.entries.iter().find(|entry| entry.name.strip_prefix(top) == Some(name))
    }

    /// An entry's name, from the package's top.
    pub(crate) fn short<'a>(&self, entry: &'a Entry) -> &'a str {
        entry.name.strip_prefix(self.top.prefix()).unwrap_or(&entry.name)
    }

    /// Reads a file of at most `limit` bytes whole. `None` is a file that is larger, or does not unpack: the walk through
    /// all files tells what is wrong with it.
    pub(crate) fn read_whole(&self, entry: &Entry, limit: u64) -> Option<Vec<u8>> {
        if entry.bytes > limit {
            return None;
        }
        let mut zip = self.zip.clone();
        let mut bytes = Vec::new();
        zip.by_index(entry.index).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}
