//! Runs external programs that the store runs too: phpcs with the Magento2 standard, and the semantic version check. If they are not
//! installed, their rules are reported as not run.

mod phpcs;
mod process;
mod progress;
mod semver;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use process::ProcessGroup;
pub use progress::Progress;
use progress::ProgressCallback;

use crate::archive::{Archive, OpenError, open, unpack};
use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::registry::Requirement;
use crate::report_builder::ReportBuilder;

/// The programs take minutes on large packages.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);

/// Selects the external programs to run, and their timeout.
///
/// ```
/// use std::time::Duration;
///
/// use eqp_check::{Check, Tools};
///
/// let path = std::env::var_os("PATH").unwrap_or_default();
/// let tools = Tools::installed(&path)
///     .timeout(Duration::from_secs(600))
///     .on_progress(|progress| eprintln!("{}: {:?}", progress.program, progress.files));
/// let check = Check::new().tools(tools).previous("acme-badges-1.1.0.zip".into());
/// ```
#[derive(Clone, Debug)]
pub struct Tools {
    is_requested: bool,
    phpcs: Option<PathBuf>,
    svc: Option<PathBuf>,
    timeout: Duration,
    on_progress: ProgressCallback,
}

impl Tools {
    /// Selects no programs. The rules that need them do not run.
    pub fn none() -> Self {
        Self {
            is_requested: false,
            phpcs: None,
            svc: None,
            timeout: DEFAULT_TIMEOUT,
            on_progress: ProgressCallback::default(),
        }
    }

    /// Selects `phpcs` and `svc`, if they are installed in one of the folders of `path`, the value of `PATH`.
    pub fn installed(path: &std::ffi::OsStr) -> Self {
        Self {
            is_requested: true,
            phpcs: installed_program(path, "phpcs"),
            svc: installed_program(path, "svc"),
            timeout: DEFAULT_TIMEOUT,
            on_progress: ProgressCallback::default(),
        }
    }

    /// Sets the timeout of each program (default: five minutes).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets a callback that receives the progress of a running program a few times per second.
    #[must_use]
    pub fn on_progress(mut self, on_progress: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.on_progress = ProgressCallback(Some(Arc::new(on_progress)));
        self
    }
}

/// Returns the program with this name in one of the folders of `path`, the value of `PATH`.
pub fn installed_program(path: &std::ffi::OsStr, name: &str) -> Option<PathBuf> {
    // A relative folder could contain programs of an untrusted working tree.
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(|file| is_program(file))
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

/// Runs the selected programs. The archive must be safe to unpack.
pub(crate) fn run(
    tools: &Tools,
    archive: &Archive,
    previous: Option<&Path>,
    cancellation: &Cancellation,
    builder: &mut ReportBuilder,
) -> Result<(), Error> {
    if !tools.is_requested {
        for needs in [Requirement::CodeSniffer, Requirement::SemanticVersion] {
            builder.unavailable(needs, "not checked: external programs are disabled");
        }
        return Ok(());
    }
    if tools.phpcs.is_none() {
        builder.unavailable(Requirement::CodeSniffer, "not checked: phpcs is not installed");
    }
    let comparison = match (&tools.svc, previous) {
        (None, _) => Err("not checked: svc (magento/magento-semver) is not installed"),
        (Some(_), None) => Err("not checked: no previous version was specified"),
        (Some(svc), Some(previous)) => Ok((svc, previous)),
    };
    if let Err(reason) = comparison {
        builder.unavailable(Requirement::SemanticVersion, reason);
    }
    if tools.phpcs.is_none() && comparison.is_err() {
        return Ok(());
    }
    let unpacked = tempfile::tempdir().and_then(|scratch| {
        // Programs report canonical paths, so links must be resolved to match them.
        let folder = scratch.path().canonicalize()?;
        let package = unpack(archive, &folder.join("new"), cancellation)?;
        Ok((scratch, folder, package))
    });
    let (_scratch, folder, package) = match unpacked {
        Ok(unpacked) => unpacked,
        Err(error) => {
            for needs in [Requirement::CodeSniffer, Requirement::SemanticVersion] {
                builder.unavailable(needs, format!("not checked: the archive cannot be unpacked: {error}"));
            }
            return Ok(());
        }
    };
    let run = process::Run { scratch: &folder, timeout: tools.timeout, cancellation, on_progress: &tools.on_progress };
    if let Some(phpcs) = &tools.phpcs {
        phpcs::run(phpcs, &package, &run, builder)?;
    }
    if let Ok((svc, previous)) = comparison {
        match unpack_previous(previous, &folder.join("old"), cancellation)? {
            Ok(before) => semver::run(svc, &before, &package, &run, builder)?,
            Err(reason) => builder.unavailable(Requirement::SemanticVersion, reason),
        }
    }
    Ok(())
}

/// Unpacks the previous version. The inner error describes why it cannot be unpacked.
fn unpack_previous(path: &Path, folder: &Path, cancellation: &Cancellation) -> Result<Result<PathBuf, String>, Error> {
    let (_, opened) = open(path)?;
    let archive = match opened {
        Ok(archive) => archive,
        Err(OpenError::NotZip(not_zip)) => {
            return Ok(Err(format!("not checked: {} is not a zip file: {}", path.display(), not_zip.what)));
        }
        Err(_) => return Ok(Err(format!("not checked: {} is too large to be opened", path.display()))),
    };
    let mut aside = ReportBuilder::default();
    if !crate::rules::archive::directory(&archive, &mut aside) {
        return Ok(Err(format!("not checked: the content of {} is too large", path.display())));
    }
    let reason = |error| format!("not checked: {} cannot be unpacked: {error}", path.display());
    Ok(unpack(&archive, folder, cancellation).map_err(reason))
}
