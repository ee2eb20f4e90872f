//! The options of a check, which `packages check` and `packages build` share, and what they mean.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_check::{Report, Suppression};
use eqp_release::internal::is_older;
use eqp_release::manifest::{BuildOptions, Manifest, ManifestPackage};
use eqp_release::{CheckedArchive, RequestedAction, requested_action, run_check, select_by_sku, select_package};
use tokio_util::sync::CancellationToken;

use super::programs::ProgramOptions;
use crate::arguments::{Track, duration};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};

/// The options of a check.
#[derive(Args, Debug)]
pub(super) struct CheckOptions {
    /// Release manifest, in TOML or JSON (- for standard input); `eqp packages init` writes one
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Also fail on warnings and incomplete checks
    #[arg(long)]
    pub(super) strict: bool,
    /// Ignore suppressions from the manifest
    #[arg(long)]
    as_marketplace: bool,
    /// Review to check for [default: as in the manifest's `action`, otherwise both]
    #[arg(long, value_enum, value_name = "TRACK")]
    track: Option<Track>,
    #[command(flatten)]
    earlier: Earlier,
    #[command(flatten)]
    programs: ProgramOptions,
    /// Do not run phpcs and svc; with --strict, this also needs --allow-not-run
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

impl CheckOptions {
    /// Checks an archive.
    pub(super) async fn run(
        &self,
        archive: CheckedArchive,
        context: &Context,
        stop: &CancellationToken,
    ) -> Result<Report> {
        let check = self.check(&archive)?;
        let line = context.output.program_line();
        let tools = self.programs.tools(context, self.skip_programs, stop).await?;
        let tools = tools.timeout(self.tool_timeout.unsigned_abs()).on_progress(move |progress| line.show(progress));
        let report = run_check(check.tools(tools), archive, stop).await?;
        self.warn_of_older_version(&report, context.output);
        if !self.skip_programs && report.unchecked().any(|not_run| not_run.rule.needs_program()) {
            context.output.note("the code sniffer did not run; to install it: eqp tools install");
        }
        let is_new_version = self.earlier.new_version || self.earlier.previous.is_some();
        Ok(if is_new_version { report.for_new_version() } else { report })
    }

    /// Returns the manifest's options for building an archive. Standard input can only be read once, for the check.
    pub(super) fn build_options(&self) -> Result<BuildOptions> {
        match self.manifest_file() {
            Some(path) => Ok(Manifest::read(path)?.build),
            None => Ok(BuildOptions::default()),
        }
    }

    /// Returns the file with the manifest, unless it is standard input.
    pub(super) fn manifest_file(&self) -> Option<&Path> {
        self.manifest.as_deref().filter(|path| path.as_os_str() != "-")
    }

    /// Returns the name of the manifest for reports.
    pub(super) fn manifest_name(&self) -> Option<Cow<'_, str>> {
        self.manifest_file().map(Path::to_string_lossy)
    }

    /// Warns if the archive has an older version than the previous archive.
    fn warn_of_older_version(&self, report: &Report, output: Output) {
        let version = |archive: &Path| eqp_check::read_metadata(archive).ok()?.package.version;
        let Some(previous) = self.earlier.previous.as_deref().and_then(version) else { return };
        if let Some(own) = report.package.version.as_deref().filter(|own| is_older(own, &previous)) {
            let (own, previous) = (escaped(own), escaped(&previous));
            output.note(format_args!("version {own} is older than version {previous} of the previous archive"));
        }
    }

    fn check(&self, archive: &CheckedArchive) -> Result<eqp_check::Check> {
        let manifest = self.package(archive)?;
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
        Ok(match &self.earlier.previous {
            Some(previous) => check.previous(previous.clone()),
            None => check,
        })
    }

    /// Returns the manifest's package for the archive, and the manifest's suppressions.
    fn package(&self, archive: &CheckedArchive) -> Result<Option<(ManifestPackage, Vec<Suppression>)>> {
        let Some(path) = &self.manifest else { return Ok(None) };
        let manifest = Manifest::read(path)?;
        let package = match (&manifest.packages[..], archive) {
            ([package], _) => package,
            (packages, CheckedArchive::File(archive)) => select_package(packages, archive)?,
            (packages, CheckedArchive::Built { sku, .. }) => select_by_sku(packages, sku.as_deref())?,
        };
        Ok(Some((package.clone(), manifest.check.suppress)))
    }

    /// Returns whether the report makes the command succeed.
    pub(super) fn conclude(&self, report: &Report) -> Result {
        let what = match (report.is_blocked(), self.strict && !report.is_clean()) {
            (true, _) => format!("the store would reject {}, for {}", report.archive, reasons(report.counts.blocking)),
            (false, true) => {
                format!("the store may reject {}, for {}", report.archive, reasons(report.counts.warnings))
            }
            (false, false) if self.strict => return self.programs.refuse_gaps(report),
            (false, false) => return Ok(()),
        };
        Err(Failure::new(Exit::Rejected, what).next("fix the findings as described in the report, then check again"))
    }
}

fn reasons(count: usize) -> String {
    if count == 1 { "one reason".to_owned() } else { format!("{count} reasons") }
}
