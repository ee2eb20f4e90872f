//! Unpacks every file once, on as many threads as help, and hands the bytes to a visitor. Nothing is kept: a thread has
//! one buffer, and what it does not look at it reads for the checksum's sake.

use std::io::Read;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use memchr::memrchr;
use zip::ZipArchive;

use super::shared_file::SharedFile;
use super::{Archive, Entry};
use crate::limits::LARGEST_PIECE;
use crate::stop::Stop;

/// More threads gain nothing on an archive of 30 MB.
const MOST_THREADS: usize = 4;
/// What nobody looks at is read in pieces of so many bytes.
const UNSEEN_BYTES: usize = 64 * 1024;

/// Looks at the bytes of files.
pub(crate) trait Visitor: Sync {
    /// What it keeps of one file while the file is read.
    type State;
    /// What it says of one file.
    type Found: Send;

    /// Whether it wants to see a file at all.
    fn begin(&self, entry: &Entry) -> Option<Self::State>;
    /// The next piece, ending with a line's end where there is one. `false`: enough was seen.
    fn piece(&self, state: &mut Self::State, bytes: &[u8]) -> bool;
    /// The file is at its end.
    fn end(&self, entry: &Entry, state: Self::State) -> Option<Self::Found>;
}

/// A file that did not unpack.
#[derive(Debug)]
pub(crate) struct Damage {
    /// Its place in the directory.
    pub(crate) index: usize,
    /// What is wrong.
    pub(crate) why: String,
}

/// What came of one file.
type Seen<T> = (usize, Result<Option<T>, Damage>);

/// Reads all files that can be read. What was found, and what is damaged, both in the order of the directory.
pub(crate) fn walk<V: Visitor>(archive: &Archive, visitor: &V, stop: &Stop) -> (Vec<V::Found>, Vec<Damage>) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let mut seen: Vec<Seen<V::Found>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(archive, visitor, &next, stop))).collect();
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect()
    });
    seen.sort_by_key(|(index, _)| *index);
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for (_, result) in seen {
        match result {
            Ok(result) => found.extend(result),
            Err(damage) => damaged.push(damage),
        }
    }
    (found, damaged)
}

/// Takes one file after the other until none is left.
fn work<V: Visitor>(archive: &Archive, visitor: &V, next: &AtomicUsize, stop: &Stop) -> Vec<Seen<V::Found>> {
    let mut zip = archive.zip.clone();
    let mut buffer = Vec::new();
    let mut seen = Vec::new();
    while let Some(entry) = archive.entries.get(next.fetch_add(1, Ordering::Relaxed)) {
        if stop.is_asked() {
            break;
        }
        if !entry.is_readable() {
            continue;
        }
        let result = look(&mut zip, entry, visitor, &mut buffer);
        if !matches!(result, Ok(None)) {
            seen.push((entry.index, result));
        }
    }
    seen
}

fn look<V: Visitor>(
    zip: &mut ZipArchive<SharedFile>,
    entry: &Entry,
    visitor: &V,
    buffer: &mut Vec<u8>,
) -> Result<Option<V::Found>, Damage> {
    let damage = |error: &dyn std::fmt::Display| Damage { index: entry.index, why: error.to_string() };
    let mut file = zip.by_index(entry.index).map_err(|error| damage(&error))?;
    let mut state = visitor.begin(entry);
    let mut filled = 0;
    let whole = usize::try_from(entry.bytes).unwrap_or(usize::MAX).saturating_add(1);
    loop {
        let wanted = if state.is_some() { LARGEST_PIECE.min(whole) } else { UNSEEN_BYTES };
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        let read = file.read(&mut buffer[filled..wanted]).map_err(|error| damage(&error))?;
        filled += read;
        let Some(kept) = &mut state else {
            filled = 0;
            if read == 0 {
                return Ok(None);
            }
            continue;
        };
        if read > 0 && filled < wanted {
            continue;
        }
        // The last line of a piece may go on in the next one.
        let cut = if read == 0 { filled } else { memrchr(b'\n', &buffer[..filled]).map_or(filled, |at| at + 1) };
        let goes_on = visitor.piece(kept, &buffer[..cut]);
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
