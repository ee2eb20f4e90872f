//! Runs external programs that the store runs too: phpcs with the Magento2 standard, and the semantic version check. If they are not
//! installed, their rules are reported as not run. A report of phpcs that already exists can be used instead.

mod phpcs;
mod process;
mod progress;
mod semver;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use phpcs::CodeSniffer;
pub use process::{Ended, ProcessGroup, run_program};
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
    sniffer: Sniffer,
    svc: Option<PathBuf>,
    timeout: Duration,
    on_progress: ProgressCallback,
}

/// The source of the findings of the code sniffer.
#[derive(Clone, Debug)]
enum Sniffer {
    /// None, for this reason.
    Missing(String),
    /// A program.
    Program(CodeSniffer),
    /// A report that phpcs has already written.
    Report(PathBuf),
}

impl Tools {
    /// Selects no programs. The rules that need them do not run.
    pub fn none() -> Self {
        Self {
            is_requested: false,
            sniffer: Sniffer::Missing("external programs are disabled".to_owned()),
            svc: None,
            timeout: DEFAULT_TIMEOUT,
            on_progress: ProgressCallback::default(),
        }
    }

    /// Selects `phpcs` and `svc`, if they are installed in one of the folders of `path`, the value of `PATH`.
    pub fn installed(path: &std::ffi::OsStr) -> Self {
        Self {
            is_requested: true,
            sniffer: match installed_program(path, "phpcs") {
                Some(program) => Sniffer::Program(CodeSniffer::new(program)),
                None => Sniffer::Missing("phpcs is not installed".to_owned()),
            },
            svc: installed_program(path, "svc"),
            timeout: DEFAULT_TIMEOUT,
            on_progress: ProgressCallback::default(),
        }
    }

    /// Selects the command that runs phpcs, instead of an installed program.
    #[must_use]
    pub fn code_sniffer(mut self, sniffer: CodeSniffer) -> Self {
        self.sniffer = Sniffer::Program(sniffer);
        self
    }

    /// Does not run phpcs, for a reason that the report gives.
    #[must_use]
    pub fn without_code_sniffer(mut self, reason: impl Into<String>) -> Self {
        self.sniffer = Sniffer::Missing(reason.into());
        self
    }

    /// Selects a JSON report that phpcs has already written, instead of running it. It must cover every PHP file of the archive.
    #[must_use]
    pub fn phpcs_report(mut self, report: PathBuf) -> Self {
        self.sniffer = Sniffer::Report(report);
        self
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
    let sniffer = match &tools.sniffer {
        Sniffer::Missing(reason) => {
            builder.unavailable(Requirement::CodeSniffer, reason.clone());
            None
        }
        Sniffer::Report(report) => {
            phpcs::read(report, archive, builder)?;
            None
        }
        Sniffer::Program(sniffer) => Some(sniffer),
    };
    let comparison = match (&tools.svc, previous) {
        _ if !tools.is_requested => Err("external programs are disabled"),
        (None, _) => Err("svc (magento/magento-semver) is not installed"),
        (Some(_), None) => Err("no previous version was specified"),
        (Some(svc), Some(previous)) => Ok((svc, previous)),
    };
    if let Err(reason) = comparison {
        builder.unavailable(Requirement::SemanticVersion, reason);
    }
    if sniffer.is_none() && comparison.is_err() {
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
                builder.unavailable(needs, format!("the archive cannot be unpacked: {error}"));
            }
            return Ok(());
        }
    };
    let run = process::Run { scratch: &folder, timeout: tools.timeout, cancellation, on_progress: &tools.on_progress };
    if let Some(sniffer) = sniffer {
        phpcs::run(sniffer, &package, &run, builder)?;
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
            return Ok(Err(format!("{} is not a zip file: {}", path.display(), not_zip.what)));
        }
        Err(_) => return Ok(Err(format!("{} is too large to be opened", path.display()))),
    };
    let mut aside = ReportBuilder::default();
    if !crate::rules::archive::directory(&archive, &mut aside) {
        return Ok(Err(format!("the content of {} is too large", path.display())));
    }
    let reason = |error| format!("{} cannot be unpacked: {error}", path.display());
    Ok(unpack(&archive, folder, cancellation).map_err(reason))
}
