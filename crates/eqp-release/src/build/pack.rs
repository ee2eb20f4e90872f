//! Writes the zip file. Its bytes depend only on the names, the content and the executable bits of the files: entries are sorted, and
//! times, permissions and compression are fixed. Files are compressed on several threads, in groups that are then joined in order.

use std::fmt::Write as _;
use std::io::{Cursor, Write};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use eqp_check::Cancellation;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

use super::error::{BuildError, ZipFailure};

/// The number of files in a group.
const GROUP_FILES: usize = 32;
/// More threads are not faster for an archive of 30 MB.
const MAX_THREADS: usize = 4;
/// The compression level of zlib that is used everywhere.
const LEVEL: i64 = 6;
/// The extensions of files that are compressed already.
const COMPRESSED: [&str; 17] = [
    "7z", "avif", "bz2", "gif", "gz", "jpeg", "jpg", "mp3", "mp4", "ogg", "png", "webm", "webp", "woff", "woff2", "xz",
    "zip",
];

/// A file of the archive.
#[derive(Debug)]
pub(super) struct PackedFile {
    pub(super) path: String,
    pub(super) content: Vec<u8>,
    pub(super) is_executable: bool,
}

/// Whether files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// Files are compressed, as in the archive that is submitted.
    Deflate,
    /// Files are stored, which is faster.
    Store,
}

/// Returns the archive of these files, which must be sorted.
pub(super) fn pack(
    files: &[PackedFile],
    compression: Compression,
    cancellation: &Cancellation,
) -> Result<Vec<u8>, BuildError> {
    let groups: Vec<&[PackedFile]> = files.chunks(GROUP_FILES).collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS).min(groups.len());
    let work = || {
        let mut packed = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(group) = groups.get(at) else { return Ok(packed) };
            packed.push((at, pack_group(group, compression, cancellation)?));
        }
    };
    let mut packed: Vec<(usize, Vec<u8>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.collect::<Result<Vec<_>, BuildError>>().map(|groups| groups.into_iter().flatten().collect())
    })?;
    packed.sort_by_key(|(at, _)| *at);
    let bytes = packed.iter().map(|(_, group)| group.len()).sum();
    let mut archive = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes)));
    for (_, group) in packed {
        let group = ZipArchive::new(Cursor::new(group)).map_err(failed)?;
        archive.merge_archive(group).map_err(failed)?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

fn failed(error: ZipError) -> BuildError {
    BuildError::Zip(ZipFailure(error))
}

fn pack_group(
    group: &[PackedFile],
    compression: Compression,
    cancellation: &Cancellation,
) -> Result<Vec<u8>, BuildError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for file in group {
        if cancellation.is_cancelled() {
            return Err(BuildError::Cancelled);
        }
        archive.start_file(file.path.as_str(), options(file, compression)).map_err(failed)?;
        archive.write_all(&file.content).map_err(|error| failed(error.into()))?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

fn options(file: &PackedFile, compression: Compression) -> SimpleFileOptions {
    let extension = file.path.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    let options = SimpleFileOptions::default()
        // 1980-01-01 00:00:00, the earliest time in a zip file.
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(if file.is_executable { 0o755 } else { 0o644 });
    if compression == Compression::Store || file.content.is_empty() || COMPRESSED.contains(&extension.as_str()) {
        options.compression_method(CompressionMethod::Stored)
    } else {
        options.compression_method(CompressionMethod::Deflated).compression_level(Some(LEVEL))
    }
}

/// Returns the SHA-256 checksum in hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn files_of_several_groups_are_read_back_as_they_were() {
        let files: Vec<_> = (0..3 * GROUP_FILES + 5)
            .map(|number| PackedFile {
                path: format!("Model/Ünïcode{number:03}.{}", if number % 3 == 0 { "png" } else { "php" }),
                content: format!("<?php // {number}\n").repeat(number).into_bytes(),
                is_executable: number % 2 == 0,
            })
            .collect();
        for compression in [Compression::Deflate, Compression::Store] {
            let bytes = pack(&files, compression, &Cancellation::default()).unwrap();
            let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
            assert_eq!(archive.len(), files.len());
            for (at, file) in files.iter().enumerate() {
                let mut entry = archive.by_index(at).unwrap();
                assert_eq!(entry.name().unwrap(), file.path);
                assert_eq!(entry.unix_mode().unwrap() & 0o777, if file.is_executable { 0o755 } else { 0o644 });
                assert_eq!(entry.last_modified().unwrap(), DateTime::default());
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                assert_eq!(content, file.content);
            }
        }
    }

    /// The bytes of an archive must not change between machines, or unnoticed with a new version of a library.
    #[test]
    fn an_archive_has_known_bytes() {
        let file = |path: &str, content: &str| PackedFile {
            path: path.to_owned(),
            content: content.as_bytes().to_vec(),
            is_executable: false,
        };
        let files = [file("composer.json", "{}\n"), file("registration.php", &"<?php // badges\n".repeat(50))];
        let bytes = pack(&files, Compression::Deflate, &Cancellation::default()).unwrap();
        assert_eq!(sha256(&bytes), "cfd766da2fd0d5d77abad83d287115c2606aff51325b8960ef3aeb84ad4e43e4");
    }
}
