//! Programs of others that the store runs too: phpcs with the Magento2 standard, and the semantic version check. Where they
//! are not installed, their rules did not run.

mod child;
mod phpcs;
mod progress;
mod semver;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use progress::Progress;
use progress::Watch;

use crate::archive::{Archive, Refused, open, unpack};
use crate::book::Needs;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::stop::Stop;

/// The store's own run takes minutes on large packages.
const PATIENCE: Duration = Duration::from_mins(5);

/// Which programs to run, and how long to wait for each.
#[derive(Clone, Debug)]
pub struct Tools {
    is_asked: bool,
    phpcs: Option<PathBuf>,
    svc: Option<PathBuf>,
    patience: Duration,
    watch: Watch,
}

impl Tools {
    /// None: the rules that need them do not run.
    pub fn none() -> Self {
        Self { is_asked: false, phpcs: None, svc: None, patience: PATIENCE, watch: Watch::default() }
    }

    /// Those that are installed: `phpcs` and `svc` in the folders of `path`, which is what PATH holds.
    pub fn installed(path: &std::ffi::OsStr) -> Self {
        // A relative folder would mean programs of whatever is checked out in the current one.
        let folders = || std::env::split_paths(path).filter(|folder| folder.is_absolute());
        let find = |name: &str| folders().map(|folder| folder.join(name)).find(|file| is_program(file));
        Self { is_asked: true, phpcs: find("phpcs"), svc: find("svc"), patience: PATIENCE, watch: Watch::default() }
    }

    /// Sets how long to wait for each; five minutes by default.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Reports to `watch`, a few times a second, how far a running program is.
    #[must_use]
    pub fn watched_by(mut self, watch: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.watch = Watch(Some(Arc::new(watch)));
        self
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Runs what is there. `archive` is one that may be unpacked.
pub(crate) fn run(
    tools: &Tools,
    archive: &Archive,
    previous: Option<&Path>,
    stop: &Stop,
    ledger: &mut Ledger,
) -> Result<(), Error> {
    if !tools.is_asked {
        for needs in [Needs::CodeSniffer, Needs::SemanticVersion] {
            ledger.unmet(needs, "not checked here: no program of others was to run");
        }
        return Ok(());
    }
    if tools.phpcs.is_none() {
        ledger.unmet(Needs::CodeSniffer, "not checked here: phpcs is not installed");
    }
    let comparison = match (&tools.svc, previous) {
        (None, _) => Err("not checked here: svc (magento/magento-semver) is not installed"),
        (Some(_), None) => Err("not checked here: no earlier version was given to compare with"),
        (Some(svc), Some(previous)) => Ok((svc, previous)),
    };
    if let Err(why) = comparison {
        ledger.unmet(Needs::SemanticVersion, why);
    }
    if tools.phpcs.is_none() && comparison.is_err() {
        return Ok(());
    }
    let unpacked = tempfile::tempdir().and_then(|scratch| {
        // Programs name files by the path behind all links.
        let folder = scratch.path().canonicalize()?;
        let package = unpack(archive, &folder.join("new"), stop)?;
        Ok((scratch, folder, package))
    });
    let (_scratch, folder, package) = match unpacked {
        Ok(unpacked) => unpacked,
        Err(error) => {
            for needs in [Needs::CodeSniffer, Needs::SemanticVersion] {
                ledger.unmet(needs, format!("not checked here: the archive cannot be unpacked: {error}"));
            }
            return Ok(());
        }
    };
    let run = child::Run { scratch: &folder, patience: tools.patience, stop, watch: &tools.watch };
    if let Some(phpcs) = &tools.phpcs {
        phpcs::run(phpcs, &package, &run, ledger)?;
    }
    if let Ok((svc, previous)) = comparison {
        match unpack_previous(previous, &folder.join("old"), stop)? {
            Ok(before) => semver::run(svc, &before, &package, &run, ledger)?,
            Err(why) => ledger.unmet(Needs::SemanticVersion, why),
        }
    }
    Ok(())
}

/// Unpacks the version before; why not, if it cannot be.
fn unpack_previous(path: &Path, folder: &Path, stop: &Stop) -> Result<Result<PathBuf, String>, Error> {
    let (_, opened) = open(path)?;
    let archive = match opened {
        Ok(archive) => archive,
        Err(Refused::NoZip(why)) => return Ok(Err(format!("not checked here: {} is no zip: {why}", path.display()))),
        Err(_) => return Ok(Err(format!("not checked here: {} is too large to be opened", path.display()))),
    };
    let mut aside = Ledger::default();
    if !crate::rules::archive::directory(&archive, &mut aside) {
        return Ok(Err(format!("not checked here: {} would unpack to too much", path.display())));
    }
    let why = |error| format!("not checked here: {} cannot be unpacked: {error}", path.display());
    Ok(unpack(&archive, folder, stop).map_err(why))
}
