//! An archive, in a file or in memory, that several threads read at independent positions. Reads are buffered, because a zip directory is
//! read in small parts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Reads of at least this size bypass the buffer.
const BUFFER_BYTES: usize = 32 * 1024;

/// A reader of a shared file, with its own position and buffer.
#[derive(Debug)]
pub(crate) struct SharedFile {
    source: Source,
    bytes: u64,
    at: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

/// The content that is read.
#[derive(Clone, Debug)]
enum Source {
    File(Arc<File>),
    Memory(Arc<[u8]>),
}

impl Source {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => read_at(file, into, at),
            Self::Memory(bytes) => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or(&[]);
                let read = rest.len().min(into.len());
                into[..read].copy_from_slice(&rest[..read]);
                Ok(read)
            }
        }
    }
}

impl SharedFile {
    /// Creates a reader at the beginning of `file`, which has `bytes` bytes.
    pub(crate) fn new(file: File, bytes: u64) -> Self {
        Self::of(Source::File(Arc::new(file)), bytes)
    }

    /// Creates a reader at the beginning of an archive in memory.
    pub(crate) fn in_memory(bytes: Arc<[u8]>) -> Self {
        let length = bytes.len() as u64;
        Self::of(Source::Memory(bytes), length)
    }

    fn of(source: Source, bytes: u64) -> Self {
        Self { source, bytes, at: 0, buffer: Vec::new(), buffer_at: 0 }
    }

    /// Returns the part of the buffer after the current position.
    fn buffered(&self) -> &[u8] {
        let skip = self.at.checked_sub(self.buffer_at).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.buffer.get(skip..)).unwrap_or(&[])
    }
}

impl Clone for SharedFile {
    /// Clones the reader with its position, but without its buffer.
    fn clone(&self) -> Self {
        Self { at: self.at, ..Self::of(self.source.clone(), self.bytes) }
    }
}

impl Read for SharedFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.buffered().is_empty() {
            if into.len() >= BUFFER_BYTES {
                let read = self.source.read_at(into, self.at)?;
                self.at += read as u64;
                return Ok(read);
            }
            self.buffer.resize(BUFFER_BYTES, 0);
            let read = self.source.read_at(&mut self.buffer, self.at)?;
            self.buffer.truncate(read);
            self.buffer_at = self.at;
        }
        let ready = self.buffered();
        let read = ready.len().min(into.len());
        into[..read].copy_from_slice(&ready[..read]);
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at =
            at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "position before the beginning of the file"))?;
        Ok(self.at)
    }
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(windows)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, at)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn reads_what_lies_where_it_was_sought() {
        let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let in_memory = SharedFile::in_memory(content.as_slice().into());
        for mut shared in [SharedFile::new(file, content.len() as u64), in_memory] {
            reads_everywhere(&mut shared, &content);
        }
    }

    fn reads_everywhere(shared: &mut SharedFile, content: &[u8]) {
        for (at, bytes) in [(0, 10), (5, 4), (3, 40_000), (700_000, 100_000), (32_700, 200), (40, 1)] {
            let mut other = shared.clone();
            for reader in [&mut *shared, &mut other] {
                let mut read = vec![0; bytes];
                reader.seek(SeekFrom::Start(at as u64)).unwrap();
                reader.read_exact(&mut read).unwrap();
                assert_eq!(read, content[at..at + bytes], "{bytes} bytes at {at}");
            }
        }
        assert_eq!(shared.seek(SeekFrom::End(0)).unwrap(), content.len() as u64);
        assert_eq!(shared.read(&mut [0; 8]).unwrap(), 0);
        assert!(shared.seek(SeekFrom::Current(-10_000_000)).is_err());
    }
}
