//! Unpacks every file once, on as many threads as help, and hands the bytes to a visitor. Nothing is kept: a thread has
//! one buffer, and what it does not look at it reads for the checksum's sake.

use std::io::Read;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use memchr::memrchr;

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
    /// Its place among the entries.
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
    let mut reader = archive.reader();
    let mut buffer = Vec::new();
    let mut seen = Vec::new();
    while let Some(entry) = archive.entries.get(next.fetch_add(1, Ordering::Relaxed)) {
        if stop.is_asked() {
            break;
        }
        if !entry.is_readable() {
            continue;
        }
        let result = look(archive, &mut reader, entry, visitor, &mut buffer, stop);
        if !matches!(result, Ok(None)) {
            seen.push((entry.index, result));
        }
    }
    seen
}

fn look<V: Visitor>(
    archive: &Archive,
    reader: &mut SharedFile,
    entry: &Entry,
    visitor: &V,
    buffer: &mut Vec<u8>,
    stop: &Stop,
) -> Result<Option<V::Found>, Damage> {
    let damage = |error: &dyn std::fmt::Display| Damage { index: entry.index, why: error.to_string() };
    let mut file = archive.unpacked(entry, reader).map_err(|error| damage(&error))?;
    let mut unpacked = 0_u64;
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
        unpacked += read as u64;
        // A stream that goes on after its promised end could go on for gigabytes.
        if unpacked > entry.bytes {
            return Err(damage(&format_args!("it has more than the {} bytes that the directory says", entry.bytes)));
        }
        if stop.is_asked() {
            return Ok(None);
        }
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Asks to stop as soon as it sees anything.
    struct Impatient<'a> {
        stop: &'a Stop,
        pieces: AtomicUsize,
    }

    impl Visitor for Impatient<'_> {
        type State = ();
        type Found = ();

        fn begin(&self, _: &Entry) -> Option<()> {
            Some(())
        }

        fn piece(&self, (): &mut (), _: &[u8]) -> bool {
            self.pieces.fetch_add(1, Ordering::Relaxed);
            self.stop.stop();
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
        archive.write_all(&vec![b'a'; 20 * LARGEST_PIECE]).unwrap();
        archive.finish().unwrap();
        let (_, archive) = super::super::open(&path).unwrap();
        let stop = Stop::default();
        let visitor = Impatient { stop: &stop, pieces: AtomicUsize::new(0) };
        walk(&archive.unwrap(), &visitor, &stop);
        assert_eq!(visitor.pieces.into_inner(), 1);
    }
}
