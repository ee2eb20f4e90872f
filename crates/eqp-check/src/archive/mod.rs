//! The archive reader: bounded memory, whatever the archive is. What is wrong with an archive is an answer, not an error.

mod disguise;
mod entry;
mod facts;
mod layout;
mod shared_file;
mod tail;
mod unpack;
mod walk;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use zip::read::{Config, OwnedZipFileEntry, ZipFile};
use zip::result::ZipResult;
// The stable reader stores one of two entries that have the same name.
use zip::unstable::read::ZipIterable;

pub(crate) use entry::{Encoding, Entry, Nature};
pub use facts::{Facts, facts};
pub(crate) use layout::Top;
pub(crate) use unpack::unpack;
pub(crate) use walk::{Damage, Visitor, walk};

use self::shared_file::SharedFile;
use crate::error::Error;
use crate::limits::{LARGEST_OPENED, MOST_ENTRIES};

/// An archive whose directory was read.
pub(crate) struct Archive {
    file: SharedFile,
    records: Vec<OwnedZipFileEntry>,
    /// What it holds, in the order of its directory; a name that is there twice is two entries.
    pub(crate) entries: Vec<Entry>,
    by_name: HashMap<Box<str>, Copies>,
    /// Where the package begins.
    pub(crate) top: Top,
    /// Which of two entries with one name is looked at.
    pub(crate) reading: Reading,
}

/// The entries that have one name.
#[derive(Clone, Copy)]
struct Copies {
    first: usize,
    last: usize,
}

/// Programs disagree on which of two entries with one name is the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The first, as PHP reads it.
    #[default]
    First,
    /// The last, as many libraries do.
    Last,
}

/// Why an archive was not opened.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is not a zip, or it is cut short.
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
    let disguise = disguise::of(&mut file, bytes).map_err(read)?;
    if bytes > LARGEST_OPENED {
        return Ok((bytes, Err(disguise.map_or(Refused::TooLarge, Refused::NoZip))));
    }
    if let Some(what) = disguise {
        return Ok((bytes, Err(Refused::NoZip(what))));
    }
    let promised = tail::promised_entries(&mut file).map_err(read)?;
    if promised > MOST_ENTRIES {
        return Ok((bytes, Err(Refused::TooMany(promised))));
    }
    Ok((bytes, Archive::read(file)))
}

impl Archive {
    fn read(mut file: SharedFile) -> Result<Self, Refused> {
        let no_zip = |error: &zip::result::ZipError| Refused::NoZip(disguise::of_broken_zip(error));
        let mut directory = ZipIterable::try_new(file.clone(), Config::default()).map_err(|error| no_zip(&error))?;
        let records: Vec<OwnedZipFileEntry> = directory
            .files()
            .map_err(|error| no_zip(&error))?
            .map(|record| record.map(OwnedZipFileEntry::from))
            .collect::<ZipResult<_>>()
            .map_err(|error| no_zip(&error))?;
        let entries: Vec<_> = records.iter().enumerate().map(|(index, record)| Entry::of(record, index)).collect();
        let mut by_name = HashMap::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let copies = by_name.entry(entry.name.as_str().into()).or_insert(Copies { first: index, last: index });
            copies.last = index;
        }
        let top = Top::of(entries.iter().map(|entry| entry.name.as_str()));
        // What is read later begins where it should.
        file.seek(SeekFrom::Start(0)).map_err(|error| Refused::NoZip(error.to_string()))?;
        Ok(Self { file, records, entries, by_name, top, reading: Reading::First })
    }

    /// The file with this name, from the package's top.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        let copies = match self.top.prefix() {
            "" => self.by_name.get(name),
            top => self.by_name.get(format!("{top}{name}").as_str()),
        }?;
        self.entries.get(match self.reading {
            Reading::First => copies.first,
            Reading::Last => copies.last,
        })
    }

    /// Whether a name is there twice.
    pub(crate) fn has_twice(&self) -> bool {
        self.by_name.len() < self.entries.len()
    }

    /// Whether an earlier entry has its name already.
    pub(crate) fn is_later_copy(&self, entry: &Entry) -> bool {
        self.by_name.get(entry.name.as_str()).is_some_and(|copies| copies.first != entry.index)
    }

    /// An entry's name, from the package's top.
    pub(crate) fn short<'a>(&self, entry: &'a Entry) -> &'a str {
        entry.name.strip_prefix(self.top.prefix()).unwrap_or(&entry.name)
    }

    /// A reader of its own, for [`Self::unpacked`].
    fn reader(&self) -> SharedFile {
        self.file.clone()
    }

    /// An entry's content, unpacked while it is read.
    fn unpacked<'a>(&'a self, entry: &Entry, reader: &'a mut SharedFile) -> ZipResult<ZipFile<'a, SharedFile>> {
        self.records[entry.index].as_ref().with_reader(reader, zip::ZipReadOptions::new())
    }

    /// Reads a file of at most `limit` bytes whole. `None` is a file that is larger, or does not unpack: the walk through
    /// all files tells what is wrong with it.
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
