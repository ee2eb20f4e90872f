//! `eqp packages check`: checks an archive and its manifest.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use eqp_check::{NotRun, Report, Suppression, Tools, format};
use eqp_release::internal::is_older;
use eqp_release::manifest::{Manifest, ManifestPackage};
use eqp_release::{RequestedAction, requested_action, run_check, select_package};

use super::checked::show;
use crate::arguments::{Track, duration};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};
use crate::shutdown;

/// The rule that phpcs checks.
const CODE_SNIFFER: &str = "code-sniffer";

/// Check an archive and its manifest against the store's rules
///
/// Applies every known rule of the store that can be checked locally; `eqp packages rules` lists them. If a blocking
/// rule could not run, the check is incomplete. phpcs (with the Magento2 standard) and svc (magento/magento-semver) run
/// with the store's settings if they are installed. The exit code is 5 if the store would reject the archive. With
/// --strict, it is also 5 if there are warnings, and 1 if the check is incomplete.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages check acme-badges-1.2.0.zip
  eqp packages check acme-badges-1.2.0.zip --manifest release.toml --strict
  eqp packages check acme-badges-1.2.0.zip --previous acme-badges-1.1.0.zip
  eqp packages check acme-badges-1.2.0.zip --format sarif > check.sarif")]
pub(crate) struct Check {
    /// Archive to check
    #[arg(value_name = "FILE")]
    archive: PathBuf,
    /// Release manifest, in TOML or JSON (- for standard input); `eqp packages init` writes one
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Also fail on warnings and incomplete checks
    #[arg(long)]
    strict: bool,
    /// Format of the report [default: table; github if GITHUB_ACTIONS is set]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Form>,
    /// Ignore suppressions from the manifest
    #[arg(long)]
    as_marketplace: bool,
    /// Review to check for [default: as in the manifest's `action`, otherwise both]
    #[arg(long, value_enum, value_name = "TRACK")]
    track: Option<Track>,
    #[command(flatten)]
    earlier: Earlier,
    /// Do not run phpcs and svc
    #[arg(long)]
    skip_programs: bool,
    /// Timeout for phpcs and for svc
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    tool_timeout: time::Duration,
}

/// Options for a new version of an existing package.
#[derive(Args, Debug)]
struct Earlier {
    /// Archive of the previous version, for the semantic version check; implies --new-version
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// Treat missing fields as inherited from a version in the store, and only warn about them
    #[arg(long)]
    new_version: bool,
}

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// One object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for GitLab and Jenkins
    Junit,
    /// GitHub Actions annotations
    Github,
}

/// The JSON of a report.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used; the report is written by eqp-check")]
pub(crate) struct CheckReport {
    #[schemars(flatten)]
    report: Report,
    /// Whether the result is `passed`.
    passed: bool,
    /// The result.
    result: eqp_check::CheckResult,
}

impl Check {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let form = self.form(context)?;
        let report = self.report(context.output).await?;
        let manifest = self.manifest.as_deref().filter(|path| path.as_os_str() != "-").map(Path::to_string_lossy);
        match form {
            Form::Table => show(context, &report)?,
            Form::Json => context.output.json(&format::json(&report))?,
            Form::Sarif => context.output.json(&format::sarif(&report, manifest.as_deref()))?,
            Form::Junit => context.output.bytes(format::junit(&report, self.strict).as_bytes())?,
            Form::Github => context.output.annotations(&format::github(&report, manifest.as_deref()))?,
        }
        self.conclude(&report)
    }

    fn form(&self, context: &Context) -> Result<Form> {
        match (context.output.is_json(), self.format) {
            (true, None | Some(Form::Json)) => Ok(Form::Json),
            (true, Some(_)) => {
                Err(Failure::usage("--json and --format cannot be used together").next("omit one of them"))
            }
            (false, Some(form)) => Ok(form),
            (false, None) if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") => {
                Ok(Form::Github)
            }
            (false, None) => Ok(Form::Table),
        }
    }

    async fn report(&self, output: Output) -> Result<Report> {
        let report = run_check(self.check(output)?, self.archive.clone(), &shutdown::requested()).await?;
        self.warn_of_older_version(output);
        let is_new_version = self.earlier.new_version || self.earlier.previous.is_some();
        Ok(if is_new_version { report.for_new_version() } else { report })
    }

    /// Warns if the archive has an older version than the previous archive.
    fn warn_of_older_version(&self, output: Output) {
        let version = |archive: &Path| eqp_check::read_metadata(archive).ok()?.package.version;
        let Some(previous) = self.earlier.previous.as_deref().and_then(version) else { return };
        if let Some(own) = version(&self.archive).filter(|own| is_older(own, &previous)) {
            let (own, previous) = (escaped(&own), escaped(&previous));
            output.note(format_args!("version {own} is older than version {previous} of the previous archive"));
        }
    }

    fn check(&self, output: Output) -> Result<eqp_check::Check> {
        let manifest = self.package()?;
        let action = manifest.as_ref().and_then(|(package, _)| package.changes.action.as_ref());
        let track = match requested_action(self.track.map(Into::into), action)? {
            RequestedAction::Submit(track) => track,
            // Drafts are checked too, because they will be submitted later.
            RequestedAction::Draft | RequestedAction::Unspecified => eqp_release::Track::Both,
        };
        let mut check = eqp_check::Check::new().tracks(track.tracks());
        if let Some((package, suppressions)) = manifest {
            let suppressions = if self.as_marketplace { Vec::new() } else { suppressions };
            check = check.listing(package.listing()).suppressions(suppressions);
        }
        if let Some(path) = std::env::var_os("PATH").filter(|_| !self.skip_programs) {
            let line = output.program_line();
            let tools = Tools::installed(&path).timeout(self.tool_timeout.unsigned_abs());
            check = check.tools(tools.on_progress(move |progress| line.show(progress)));
        }
        Ok(match &self.earlier.previous {
            Some(previous) => check.previous(previous.clone()),
            None => check,
        })
    }

    /// Returns the manifest's package for the archive, and the manifest's suppressions.
    fn package(&self) -> Result<Option<(ManifestPackage, Vec<Suppression>)>> {
        let Some(path) = &self.manifest else { return Ok(None) };
        let manifest = Manifest::read(path)?;
        let package = match &manifest.packages[..] {
            [package] => package,
            packages => select_package(packages, &self.archive)?,
        };
        Ok(Some((package.clone(), manifest.check.suppress)))
    }

    fn conclude(&self, report: &Report) -> Result {
        let what = match (report.is_blocked(), self.strict && !report.is_clean()) {
            (true, _) => format!("the store would reject {}, for {}", report.archive, reasons(report.counts.blocking)),
            (false, true) => {
                format!("the store may reject {}, for {}", report.archive, reasons(report.counts.warnings))
            }
            (false, false) if self.strict => return self.is_complete(report),
            (false, false) => return Ok(()),
        };
        Err(Failure::new(Exit::Rejected, what).next("fix the findings as described in the report, then check again"))
    }

    /// Fails if a blocking rule did not run, unless its program was skipped explicitly.
    fn is_complete(&self, report: &Report) -> Result {
        let is_meant = |not_run: &NotRun| self.skip_programs && not_run.rule.id == CODE_SNIFFER;
        let unchecked: Vec<_> = report.unchecked().filter(|not_run| !is_meant(not_run)).collect();
        if unchecked.is_empty() {
            return Ok(());
        }
        let failure = Failure::new(Exit::Failed, format!("the check of {} is incomplete", report.archive));
        let failure = unchecked.iter().fold(failure, |failure, not_run| {
            failure.why(format!("{} did not run: {}", not_run.rule.id, not_run.reason))
        });
        let next = if unchecked.iter().any(|not_run| not_run.rule.id == CODE_SNIFFER) {
            "install phpcs with the Magento2 standard, or skip it explicitly: --skip-programs"
        } else {
            "the reason is in the report; fix it, then check again"
        };
        Err(failure.next(next))
    }
}

fn reasons(count: usize) -> String {
    if count == 1 { "one reason".to_owned() } else { format!("{count} reasons") }
}
