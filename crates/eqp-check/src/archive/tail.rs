//! What the end of a zip promises, read before its directory is: a directory of a million entries would not fit our
//! memory.

use std::io::{self, Read, Seek, SeekFrom};

use memchr::memmem;

use super::shared_file::SharedFile;

/// The end record, its longest comment, and the records of the 64-bit form before it.
const TAIL_BYTES: u64 = 22 + 65_535 + 20 + 56 + 1024;
/// The end record of the 64-bit form: its mark, and where it keeps the number of entries.
const LARGE_END: (&[u8], usize) = (b"PK\x06\x06", 32);

/// The largest number of entries that an end record promises; 0 where only the small form is there, which cannot promise
/// more than 65,535.
pub(super) fn promised_entries(file: &mut SharedFile) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(end.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    let (mark, count_at) = LARGE_END;
    let promised = memmem::find_iter(&tail, mark).filter_map(|at| {
        let count = tail.get(at + count_at..at + count_at + 8)?;
        count.try_into().ok().map(u64::from_le_bytes)
    });
    Ok(promised.max().unwrap_or(0))
}
