//! `eqp tools install`: installs the store's code sniffer into the data folder.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_check::internal::installed_program;
use eqp_release::tools::{InstalledTool, PINNED_STANDARD, Php, ToolFolder, ToolSource};
use serde::Serialize;

use crate::arguments::duration;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};
use crate::shutdown;

/// The value of `--from` for Composer.
const COMPOSER: &str = "composer";

/// Install the store's code sniffer into the data folder
///
/// The code sniffer is phpcs with the Magento coding standard. `eqp packages check`, `eqp packages build` and `eqp
/// release` then run it. PHP is not installed.
///
/// `--from composer` lets Composer download a fixed version of the standard with its dependencies, without plugins and
/// scripts, and without your Composer settings. `--from FILE` unpacks a zip archive of a folder in which `composer require
/// magento/magento-coding-standard` has run; its SHA-256 is compared first.
///
/// All installed files are hashed. Later checks compare the hash, and do not run a code sniffer whose files have changed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp tools install
  eqp tools install --php /usr/bin/php8.3 --dry-run
  eqp tools install --from sniffer.zip --sha256 \"$SNIFFER_SHA256\"")]
pub(crate) struct Install {
    /// Source: composer, or a zip archive
    #[arg(long, value_name = "SOURCE", default_value = COMPOSER)]
    from: PathBuf,
    /// SHA-256 of the archive; with Composer, that of the installed files, as printed by an earlier installation
    #[arg(long, value_name = "HASH", value_parser = sha256)]
    sha256: Option<String>,
    /// Version of the Magento coding standard that Composer installs
    #[arg(long, value_name = "NUMBER", default_value_t = PINNED_STANDARD)]
    standard: u32,
    /// PHP that runs the code sniffer [default: php on PATH]
    #[arg(long, value_name = "PATH")]
    php: Option<PathBuf>,
    /// Time limit for Composer
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    timeout: time::Duration,
    /// Show what would be installed, and install nothing
    #[arg(long)]
    dry_run: bool,
}

/// Parses a SHA-256 in hexadecimal digits.
fn sha256(text: &str) -> Result<String, &'static str> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_ascii_lowercase()) } else { Err("it is not a SHA-256, which has 64 hexadecimal digits") }
}

/// The installed code sniffer as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ToolReport {
    /// The installed code sniffer.
    installed: InstalledTool,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ToolDryRun<'a> {
    /// The folder that the code sniffer would be installed in.
    would_install: &'a Path,
    /// The source: `composer`, or an archive.
    from: &'a Path,
    /// The version of the standard, if Composer would install it.
    standard: Option<u32>,
    /// The PHP that would run it.
    php: &'a Path,
    /// The version of this PHP.
    php_version: &'a str,
}

/// An installation that is possible.
pub(crate) struct InstallPlan {
    folder: PathBuf,
    from: PathBuf,
    source: ToolSource,
    php: Php,
}

impl Plan for InstallPlan {
    fn show(self, output: Output) -> Result {
        let standard = match &self.source {
            ToolSource::Composer { standard, .. } => Some(*standard),
            ToolSource::Archive { .. } => None,
        };
        let Php { program, version } = &self.php;
        if output.is_json() {
            return output.json(&ToolDryRun {
                would_install: &self.folder,
                from: &self.from,
                standard,
                php: program,
                php_version: version,
            });
        }
        let what = standard.map_or_else(String::new, |standard| format!(" {standard}"));
        output.line(format_args!(
            "would install the Magento coding standard{what} from {} into {}, with PHP {version} ({})",
            escaped(&self.from.to_string_lossy()),
            self.folder.display(),
            program.display()
        ))
    }

    /// Needs no confirmation, because it affects only the data folder and can be repeated.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Installs the code sniffer.
struct Installation<'a> {
    install: &'a Install,
    context: &'a Context,
}

impl Change for Installation<'_> {
    type Plan = InstallPlan;
    type Applied = InstalledTool;

    async fn observe(&mut self) -> Result<InstallPlan> {
        let stop = shutdown::requested();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let source = self.install.source(&path)?;
        let program = match &self.install.php {
            Some(php) => std::path::absolute(php)
                .map_err(|error| Failure::usage("the path of PHP cannot be used").because(&error))?,
            None => installed_program(&path, "php").ok_or_else(|| {
                Failure::usage("there is no php on PATH, and the code sniffer is written in PHP")
                    .next("install PHP 8.1 to 8.4 (its command-line program), or pass it: --php PATH")
            })?,
        };
        let php = Php::find(&program, &stop).await?;
        let standard = match &source {
            ToolSource::Composer { standard, .. } => Some(*standard),
            ToolSource::Archive { .. } => None,
        };
        if let Some(reason) = php.why_unsuitable(standard) {
            if standard.is_some() {
                return Err(Failure::new(Exit::Failed, "Composer would refuse this PHP")
                    .why(reason)
                    .next("choose another PHP: --php PATH")
                    .next("or a newer version of the standard, if there is one: --standard NUMBER"));
            }
            self.context.output.note(format_args!("{reason}; its results may differ from those of the store"));
        }
        let folder = self.context.settings.data.look()?.tools();
        Ok(InstallPlan { folder, from: self.install.from.clone(), source, php })
    }

    async fn apply(self, plan: InstallPlan, _: Confirmation) -> Result<InstalledTool> {
        let data = self.context.settings.data.open()?;
        let stop = shutdown::requested();
        Ok(ToolFolder::new(data.tools()).install(plan.source, plan.php, &stop).await?)
    }
}

impl Install {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let change = Installation { install: &self, context };
        let Some(installed) = change::run(context, change, self.dry_run).await? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&ToolReport { installed });
        }
        let InstalledTool { standard, phpcs, tree_sha256, files, php_version, .. } = &installed;
        let standard = standard.as_deref().unwrap_or("of an unknown version");
        context.output.line(format_args!(
            "installed the Magento coding standard {standard} with phpcs {phpcs}: {files} files, SHA-256 {tree_sha256}"
        ))?;
        context.output.note(format_args!("checks and releases now run it, with PHP {php_version}"));
        Ok(())
    }

    /// Returns the source.
    fn source(&self, path: &std::ffi::OsStr) -> Result<ToolSource> {
        if self.from.as_os_str() != COMPOSER {
            let sha256 = self.sha256.clone().ok_or_else(|| {
                Failure::usage("an archive needs its SHA-256, because the programs in it will be run")
                    .next("pass the checksum that its creator has published: --sha256 HASH")
            })?;
            return Ok(ToolSource::Archive { path: self.from.clone(), sha256 });
        }
        let program = installed_program(path, COMPOSER).ok_or_else(|| {
            Failure::usage("there is no composer on PATH")
                .next("install Composer: https://getcomposer.org")
                .next("or install the code sniffer from an archive: --from FILE --sha256 HASH")
        })?;
        let timeout = self.timeout.unsigned_abs();
        Ok(ToolSource::Composer { program, standard: self.standard, tree_sha256: self.sha256.clone(), timeout })
    }
}
