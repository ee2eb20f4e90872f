//! Unpacks the files of an archive: for a visitor, on several threads with one buffer each, or into a folder. Files that the visitor
//! skips are read anyway, to verify their checksums.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use memchr::memrchr;

use super::shared_file::SharedFile;
use super::{Archive, Entry, EntryKind, NotZip, OpenError, preflight};
use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::limits::{CHUNK_BYTES, MAX_UNPACKED_BYTES};

/// More threads are not faster for an archive of 30 MB.
const MAX_THREADS: usize = 4;
/// The chunk size for files that the visitor skips, in bytes.
const SKIP_BYTES: usize = 64 * 1024;

/// Examines the content of files.
pub(crate) trait Visitor: Sync {
    /// The state for one file.
    type State;
    /// The result for one file.
    type Output: Send;

    /// Returns the initial state for a file, or `None` to skip it.
    fn begin(&self, entry: &Entry) -> Option<Self::State>;
    /// Examines the next chunk, which ends after a line feed or a space if it contains one. Returns `false` to skip the rest of the file.
    fn chunk(&self, state: &mut Self::State, bytes: &[u8]) -> bool;
    /// Returns the result after the end of the file.
    fn end(&self, entry: &Entry, state: Self::State) -> Option<Self::Output>;
}

/// A file that could not be unpacked.
#[derive(Debug)]
pub(crate) struct Damage {
    /// The index of the entry.
    pub(crate) index: usize,
    /// The reason.
    pub(crate) reason: String,
}

/// The result for one file, with the index of its entry.
type Visited<T> = (usize, Result<Option<T>, Damage>);

/// Visits all readable files. Returns the results and the damaged files, both in the order of the directory.
pub(crate) fn visit_files<V: Visitor>(
    archive: &Archive,
    visitor: &V,
    cancellation: &Cancellation,
) -> (Vec<V::Output>, Vec<Damage>) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let mut visited: Vec<Visited<V::Output>> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| work(archive, visitor, &next, cancellation))).collect();
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect()
    });
    visited.sort_by_key(|(index, _)| *index);
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for (_, result) in visited {
        match result {
            Ok(result) => found.extend(result),
            Err(damage) => damaged.push(damage),
        }
    }
    (found, damaged)
}

/// Processes files until none is left.
fn work<V: Visitor>(
    archive: &Archive,
    visitor: &V,
    next: &AtomicUsize,
    cancellation: &Cancellation,
) -> Vec<Visited<V::Output>> {
    let mut reader = archive.reader();
    let mut buffer = Vec::new();
    let mut visited = Vec::new();
    while let Some(entry) = archive.entries.get(next.fetch_add(1, Ordering::Relaxed)) {
        if cancellation.is_cancelled() {
            break;
        }
        if !entry.is_readable() {
            continue;
        }
        let result = visit_file(archive, &mut reader, entry, visitor, &mut buffer, cancellation);
        if !matches!(result, Ok(None)) {
            visited.push((entry.index, result));
        }
    }
    visited
}

fn visit_file<V: Visitor>(
    archive: &Archive,
    reader: &mut SharedFile,
    entry: &Entry,
    visitor: &V,
    buffer: &mut Vec<u8>,
    cancellation: &Cancellation,
) -> Result<Option<V::Output>, Damage> {
    let damage = |reason: String| Damage { index: entry.index, reason };
    let mut file = archive.unpacked(entry, reader).map_err(|error| damage(preflight::describe(&error)))?;
    let mut unpacked = 0_u64;
    let mut state = visitor.begin(entry);
    let mut filled = 0;
    let whole = usize::try_from(entry.bytes).unwrap_or(usize::MAX).saturating_add(1);
    loop {
        let capacity = if state.is_some() { CHUNK_BYTES.min(whole) } else { SKIP_BYTES };
        if buffer.len() < capacity {
            buffer.resize(capacity, 0);
        }
        let read = file.read(&mut buffer[filled..capacity]).map_err(|error| damage(preflight::describe_io(&error)))?;
        filled += read;
        unpacked += read as u64;
        // A stream that exceeds its declared size could continue for gigabytes.
        if unpacked > entry.bytes {
            return Err(damage(format!("it has more bytes than declared in the directory ({})", entry.bytes)));
        }
        if cancellation.is_cancelled() {
            return Ok(None);
        }
        let Some(visitor_state) = &mut state else {
            filled = 0;
            if read == 0 {
                return Ok(None);
            }
            continue;
        };
        if read > 0 && filled < capacity {
            continue;
        }
        // An incomplete line at the end is moved to the next chunk. A line that is longer than a chunk is split at a space.
        let last = |byte| memrchr(byte, &buffer[..filled]).map(|at| at + 1);
        let cut = if read == 0 { filled } else { last(b'\n').or_else(|| last(b' ')).unwrap_or(filled) };
        let goes_on = visitor.chunk(visitor_state, &buffer[..cut]);
        if read == 0 {
            return Ok(state.and_then(|state| visitor.end(entry, state)));
        }
        if goes_on {
            buffer.copy_within(cut..filled, 0);
            filled -= cut;
        } else {
            (state, filled) = (None, 0);
        }
    }
}

/// Cancellation is checked each time this many bytes have been unpacked.
const WRITE_BYTES: usize = 256 * 1024;

/// Unpacks the files of the package into `folder` and returns the root folder of the package. Entries that are not safe are skipped.
/// The caller must have checked that the archive is not a zip bomb.
pub(crate) fn unpack(archive: &Archive, folder: &Path, cancellation: &Cancellation) -> io::Result<PathBuf> {
    let mut reader = archive.reader();
    let mut buffer = vec![0; WRITE_BYTES];
    for entry in &archive.entries {
        if cancellation.is_cancelled() {
            break;
        }
        // Of two files with the same name, the programs of the store use the first.
        if !entry.is_readable() || entry.escapes() || archive.is_shadowed(entry) {
            continue;
        }
        let path = folder.join(&entry.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut packed = archive.unpacked(entry, &mut reader).map_err(io::Error::other)?;
        let mut file = File::create(path)?;
        let mut written = 0_u64;
        loop {
            let read = packed.read(&mut buffer)?;
            if read == 0 || cancellation.is_cancelled() {
                break;
            }
            written += read as u64;
            // A stream that exceeds its declared size could continue for gigabytes.
            if written > entry.bytes {
                return Err(io::Error::other(format!("{} has more bytes than declared in the directory", entry.name)));
            }
            file.write_all(&buffer[..read])?;
        }
    }
    for entry in archive.entries.iter().filter(|entry| entry.kind == EntryKind::Folder && !entry.escapes()) {
        fs::create_dir_all(folder.join(&entry.name))?;
    }
    Ok(folder.join(archive.root.prefix()))
}

/// Unpacks every file of an archive into `folder`. The inner error describes why the archive is not safe or complete; `folder` then has
/// incomplete content.
///
/// # Errors
/// [`Error::Read`] and [`Error::NotAFile`] if the archive cannot be read, [`Error::Cancelled`] if it was cancelled.
pub fn unpack_all(path: &Path, folder: &Path, cancellation: &Cancellation) -> Result<Result<(), String>, Error> {
    let archive = match super::open(path)?.1 {
        Ok(archive) => archive,
        Err(OpenError::NotZip(NotZip { what, .. })) => return Ok(Err(format!("it is not a zip archive: {what}"))),
        Err(OpenError::TooManyEntries(entries)) => return Ok(Err(format!("it has {entries} entries"))),
        Err(OpenError::TooLarge) => return Ok(Err("it is too large".to_owned())),
    };
    let unpacked: u64 = archive.entries.iter().map(|entry| entry.bytes).sum();
    if unpacked > MAX_UNPACKED_BYTES {
        return Ok(Err(format!("it unpacks to {unpacked} bytes, more than {MAX_UNPACKED_BYTES}")));
    }
    if archive.has_duplicates() {
        return Ok(Err("it has two entries with the same name".to_owned()));
    }
    for entry in &archive.entries {
        let name = &entry.name;
        let problem = match entry.kind {
            _ if entry.escapes() => Some("its path leads out of the folder".to_owned()),
            EntryKind::Link => Some("it is a link; create the archive with the files themselves".to_owned()),
            EntryKind::Special => Some("it is neither a file nor a folder".to_owned()),
            EntryKind::File => entry.why_unreadable(),
            EntryKind::Folder => None,
        };
        if let Some(problem) = problem {
            return Ok(Err(format!("{name}: {problem}")));
        }
    }
    let unpacked = unpack(&archive, folder, cancellation);
    if cancellation.is_cancelled() {
        return Err(Error::Cancelled);
    }
    Ok(unpacked.map(|_| ()).map_err(|error| preflight::describe_io(&error)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Requests a stop at the first chunk.
    struct Impatient<'a> {
        cancellation: &'a Cancellation,
        pieces: AtomicUsize,
    }

    impl Visitor for Impatient<'_> {
        type State = ();
        type Output = ();

        fn begin(&self, _: &Entry) -> Option<()> {
            Some(())
        }

        fn chunk(&self, (): &mut (), _: &[u8]) -> bool {
            self.pieces.fetch_add(1, Ordering::Relaxed);
            self.cancellation.cancel();
            true
        }

        fn end(&self, _: &Entry, (): ()) -> Option<()> {
            None
        }
    }

    #[test]
    fn who_waits_can_stop_it_within_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut archive = ZipWriter::new(std::fs::File::create(&path).unwrap());
        archive.start_file("a.php", SimpleFileOptions::default()).unwrap();
        archive.write_all(&vec![b'a'; 20 * CHUNK_BYTES]).unwrap();
        archive.finish().unwrap();
        let (_, archive) = super::super::open(&path).unwrap();
        let cancellation = Cancellation::default();
        let visitor = Impatient { cancellation: &cancellation, pieces: AtomicUsize::new(0) };
        visit_files(&archive.unwrap(), &visitor, &cancellation);
        assert_eq!(visitor.pieces.into_inner(), 1);
    }
}
