//! Unpacks an archive into a folder, for programs that want files. Only what is safe to unpack is.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{Archive, Nature};
use crate::stop::Stop;

/// Unpacks the package's files into `folder`; the folder that the package begins in. The archive must have been found to
/// be no bomb.
pub(crate) fn unpack(archive: &Archive, folder: &Path, stop: &Stop) -> io::Result<PathBuf> {
    let mut zip = archive.zip.clone();
    for entry in &archive.entries {
        if stop.is_asked() {
            break;
        }
        if !entry.is_readable() || entry.escapes() {
            continue;
        }
        let path = folder.join(&entry.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut packed = zip.by_index(entry.index).map_err(io::Error::other)?;
        io::copy(&mut packed, &mut File::create(path)?)?;
    }
    for entry in archive.entries.iter().filter(|entry| entry.nature == Nature::Folder && !entry.escapes()) {
        fs::create_dir_all(folder.join(&entry.name))?;
    }
    Ok(folder.join(archive.top.prefix()))
}
