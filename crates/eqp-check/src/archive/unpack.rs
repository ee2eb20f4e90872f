//! Unpacks an archive into a folder, for programs that want files. Only what is safe to unpack is.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Archive, Nature};
use crate::stop::Stop;

/// Somebody who asks to stop waits for the unpacking of so many bytes at most.
const PIECE_BYTES: usize = 256 * 1024;

/// Unpacks the package's files into `folder`; the folder that the package begins in. The archive must have been found to
/// be no bomb.
pub(crate) fn unpack(archive: &Archive, folder: &Path, stop: &Stop) -> io::Result<PathBuf> {
    let mut reader = archive.reader();
    let mut buffer = vec![0; PIECE_BYTES];
    for entry in &archive.entries {
        if stop.is_asked() {
            break;
        }
        // Of two files with one name the first is what the store's programs see.
        if !entry.is_readable() || entry.escapes() || archive.is_later_copy(entry) {
            continue;
        }
        let path = folder.join(&entry.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut packed = archive.unpacked(entry, &mut reader).map_err(io::Error::other)?;
        let mut file = File::create(path)?;
        loop {
            let read = packed.read(&mut buffer)?;
            if read == 0 || stop.is_asked() {
                break;
            }
            file.write_all(&buffer[..read])?;
        }
    }
    for entry in archive.entries.iter().filter(|entry| entry.nature == Nature::Folder && !entry.escapes()) {
        fs::create_dir_all(folder.join(&entry.name))?;
    }
    Ok(folder.join(archive.top.prefix()))
}
