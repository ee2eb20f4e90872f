//! Installs the code sniffer with the store's rules (the Magento coding standard) into a folder, and runs it from there.
//!
//! An installation is a tree of PHP files, which a PHP of the user runs. Its files are hashed when it is installed, and compared with this
//! hash before each use, so that a changed or incomplete tree is not run. A new installation replaces the old one only after it has run.

mod composer;
mod error;
mod php;
mod tree;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use eqp_check::internal::{run_program, unpack_all};
use eqp_check::{Cancellation, CodeSniffer};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use self::error::ToolError;
pub use self::php::{Php, newest_php};
use self::tree::{Layout, hash_file, hash_tree};
use crate::task_error::run_cancellable;

/// The version of the Magento coding standard that Composer installs by default. Newer ones can be selected.
pub const PINNED_STANDARD: u32 = 35;

/// The name of the tool, and of its folder.
const TOOL: &str = "magento-coding-standard";
const RECORD: &str = "installed.json";
const TREE: &str = "tree";
/// The maximum size of the record, in bytes. It has a few hundred.
const MAX_RECORD_BYTES: u64 = 64 * 1024;
/// The time limit for a short run of phpcs.
const PROBE_TIMEOUT: Duration = Duration::from_mins(1);

/// The folder that tools are installed in.
#[derive(Clone, Debug)]
pub struct ToolFolder(PathBuf);

/// The origin of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolSource {
    /// A zip archive of an installed tree, with its SHA-256 in hexadecimal digits.
    Archive {
        /// The archive.
        path: PathBuf,
        /// Its SHA-256.
        sha256: String,
    },
    /// Composer, which downloads the packages.
    Composer {
        /// The program.
        program: PathBuf,
        /// The version of the Magento coding standard.
        standard: u32,
        /// The expected hash of the tree, as returned by an earlier installation.
        tree_sha256: Option<String>,
        /// The time limit.
        timeout: Duration,
    },
}

/// The record of an installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstalledTool {
    /// The name of the tool.
    pub tool: String,
    /// The version of the Magento coding standard, if its composer.json names one.
    pub standard: Option<String>,
    /// The version of phpcs.
    pub phpcs: String,
    /// The origin: `composer`, or the name of an archive.
    pub source: String,
    /// The SHA-256 of all files of the tree, with their paths.
    pub tree_sha256: String,
    /// The number of files.
    pub files: usize,
    /// The PHP that runs it.
    pub php: PathBuf,
    /// The version of this PHP when the tool was installed.
    pub php_version: String,
}

impl ToolFolder {
    /// Selects a folder, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    fn tool(&self) -> PathBuf {
        self.0.join(TOOL)
    }

    /// Reads the record of the installed code sniffer. Returns `None` if it is not installed.
    ///
    /// # Errors
    /// [`ToolError::Damaged`] if the record cannot be read.
    pub fn installed(&self) -> Result<Option<InstalledTool>, ToolError> {
        let path = self.tool().join(RECORD);
        let damaged = |reason: String| ToolError::Damaged { folder: self.tool(), reason };
        match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(error.to_string())),
            Ok(found) if found.len() > MAX_RECORD_BYTES => return Err(damaged(format!("{RECORD} is too large"))),
            Ok(_) => {}
        }
        let text = fs::read(&path).map_err(|error| damaged(error.to_string()))?;
        serde_json::from_slice(&text).map(Some).map_err(|error| damaged(format!("{RECORD}: {error}")))
    }

    /// Returns the command that runs the installed code sniffer, after comparing its files with the recorded hash. Returns `None` if it is
    /// not installed.
    ///
    /// # Errors
    /// [`ToolError::Damaged`] if the files differ, and [`ToolError::Php`] if its PHP no longer exists.
    pub async fn code_sniffer(&self, signal: &CancellationToken) -> Result<Option<CodeSniffer>, ToolError> {
        let Some(installed) = self.installed()? else { return Ok(None) };
        let tool = self.tool();
        run_cancellable(signal, move |_| verified(&tool, &installed)).await.map_err(ToolError::Aborted)?.map(Some)
    }

    /// Runs the installed code sniffer once.
    ///
    /// # Errors
    /// Those of [`Self::code_sniffer`], and [`ToolError::DoesNotRun`].
    pub async fn probe(&self, signal: &CancellationToken) -> Result<(), ToolError> {
        let Some(installed) = self.installed()? else { return Ok(()) };
        let tool = self.tool();
        let probed = run_cancellable(signal, move |cancellation| {
            verified(&tool, &installed)?;
            let layout = Layout::find(&tool.join(TREE))?;
            probe(&layout, &installed.php, cancellation).map(drop)
        });
        probed.await.map_err(ToolError::Aborted)?
    }

    /// Installs the code sniffer, and replaces an earlier installation. Its PHP must run it.
    ///
    /// # Errors
    /// [`ToolError`], after which an earlier installation is unchanged.
    pub async fn install(
        &self,
        source: ToolSource,
        php: Php,
        signal: &CancellationToken,
    ) -> Result<InstalledTool, ToolError> {
        let folder = self.clone();
        run_cancellable(signal, move |cancellation| folder.install_blocking(&source, &php, cancellation))
            .await
            .map_err(ToolError::Aborted)?
    }

    fn install_blocking(
        &self,
        source: &ToolSource,
        php: &Php,
        cancellation: &Cancellation,
    ) -> Result<InstalledTool, ToolError> {
        // phpcs separates paths with commas.
        if self.0.to_string_lossy().contains(',') {
            return Err(ToolError::Folder { folder: self.0.clone(), reason: "its path contains a comma".to_owned() });
        }
        let unusable = |error: std::io::Error| ToolError::Folder { folder: self.0.clone(), reason: error.to_string() };
        fs::create_dir_all(&self.0).map_err(unusable)?;
        let new = tempfile::Builder::new().prefix(".new-").tempdir_in(&self.0).map_err(unusable)?;
        let tree = new.path().join(TREE);
        fs::create_dir(&tree).map_err(unusable)?;
        let origin = match source {
            ToolSource::Archive { path, sha256 } => {
                let found = hash_file(path)?;
                if !found.eq_ignore_ascii_case(sha256) {
                    return Err(ToolError::Checksum { path: path.clone(), expected: sha256.clone(), found });
                }
                unpack_all(path, &tree, cancellation)?
                    .map_err(|reason| ToolError::Archive { path: path.clone(), reason })?;
                path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
            }
            ToolSource::Composer { program, standard, timeout, .. } => {
                composer::install(program, *standard, php, &tree, *timeout, cancellation)?;
                "composer".to_owned()
            }
        };
        let (tree_sha256, files) = hash_tree(&tree)?;
        if let ToolSource::Composer { tree_sha256: Some(expected), .. } = source
            && !expected.eq_ignore_ascii_case(&tree_sha256)
        {
            return Err(ToolError::Checksum { path: tree, expected: expected.clone(), found: tree_sha256 });
        }
        let layout = Layout::find(&tree)?;
        let phpcs = probe(&layout, &php.program, cancellation)?;
        let installed = InstalledTool {
            tool: TOOL.to_owned(),
            standard: layout.version(),
            phpcs,
            source: origin,
            tree_sha256,
            files,
            php: php.program.clone(),
            php_version: php.version.clone(),
        };
        let record = serde_json::to_vec_pretty(&installed).expect("strings and numbers are JSON");
        fs::write(new.path().join(RECORD), record).map_err(unusable)?;
        self.replace(new.path()).map_err(unusable)?;
        Ok(installed)
    }

    /// Moves a complete installation to its place.
    fn replace(&self, new: &Path) -> std::io::Result<()> {
        let old = tempfile::Builder::new().prefix(".old-").tempdir_in(&self.0)?;
        match fs::rename(self.tool(), old.path().join(TOOL)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(new, self.tool())
    }
}

/// Returns the command of an installation, if its files are those that were installed.
fn verified(tool: &Path, installed: &InstalledTool) -> Result<CodeSniffer, ToolError> {
    let damaged = |reason: String| ToolError::Damaged { folder: tool.to_owned(), reason };
    let tree = tool.join(TREE);
    let (found, files) = hash_tree(&tree).map_err(|error| damaged(error.to_string()))?;
    if found != installed.tree_sha256 {
        return Err(damaged(format!("its {files} files are not the {} that were installed", installed.files)));
    }
    if !installed.php.is_file() {
        return Err(ToolError::Php { program: installed.php.clone(), reason: "it no longer exists".to_owned() });
    }
    Ok(Layout::find(&tree)?.code_sniffer(&installed.php))
}

/// Runs phpcs to see that it works and knows the standard. Returns its version.
fn probe(layout: &Layout, php: &Path, cancellation: &Cancellation) -> Result<String, ToolError> {
    let fails = |reason: String| ToolError::DoesNotRun { reason };
    let scratch = tempfile::tempdir().map_err(|error| fails(error.to_string()))?;
    let run = |argument: &str| -> Result<String, ToolError> {
        let mut command = Command::new(php);
        command.args(layout.arguments()).arg(argument);
        let ended = run_program(&mut command, scratch.path(), PROBE_TIMEOUT, cancellation)?.map_err(fails)?;
        // The exit code of these calls is 0 in every version of phpcs.
        if ended.is_success { Ok(ended.stdout) } else { Err(fails(ended.last_line().to_owned())) }
    };
    let standards = run("-i")?;
    if !standards.split([' ', ',', '\n']).any(|word| word == "Magento2") {
        return Err(fails(format!("phpcs does not know the standard Magento2: {}", standards.trim())));
    }
    let version = run("--version")?;
    // "PHP_CodeSniffer version 3.13.4 (stable) by …"
    Ok(version.split_whitespace().nth(2).unwrap_or("unknown").to_owned())
}
