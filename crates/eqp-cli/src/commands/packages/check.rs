//! `eqp packages check`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use eqp_check::{NotRun, Report, Stop, Suppression, Tools, format};
use tokio_util::sync::CancellationToken;

use super::checked::show;
use crate::commands::track::{Asked, Track, asked};
use crate::compose::shutdown;
use crate::context::Context;
use crate::duration::duration;
use crate::failure::{Exit, Failure, Outcome};
use crate::manifest::{Manifest, ManifestPackage};
use crate::output::Output;

/// The rule that phpcs looks at.
const CODE_SNIFFER: &str = "code-sniffer";

/// Check an archive, and what is submitted beside it, before anything is sent
///
/// Looks for everything that the store is known to check and that can be seen here; `eqp packages rules` lists it. What
/// did not run is counted as not run, and a check in which a rule that could block did not run is reported as incomplete.
/// phpcs (with the Magento2 standard) and svc (magento/magento-semver) run where they are installed, as the store runs
/// them. Ends with code 5 where the store would refuse; with --strict where it may object too, and with code 1 where the
/// check is incomplete.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages check acme-badges-1.2.0.zip
  eqp packages check acme-badges-1.2.0.zip --manifest release.toml --strict
  eqp packages check acme-badges-1.2.0.zip --previous acme-badges-1.1.0.zip
  eqp packages check acme-badges-1.2.0.zip --format sarif > check.sarif")]
pub(crate) struct Check {
    /// The archive
    #[arg(value_name = "FILE")]
    archive: PathBuf,
    /// What is submitted beside it, in TOML or JSON (- for standard input); `eqp packages init` begins one
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Fail where the store may object and where the check is incomplete, too
    #[arg(long)]
    strict: bool,
    /// How the report is written [default: table; github where GITHUB_ACTIONS is set]
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Form>,
    /// Pass over nothing, whatever the manifest says: the Marketplace does not read it
    #[arg(long)]
    as_marketplace: bool,
    /// The review that it is submitted for [default: what the manifest's `action` submits, else both]
    #[arg(long, value_enum, value_name = "TRACK")]
    track: Option<Track>,
    #[command(flatten)]
    earlier: Earlier,
    /// Do not run phpcs and svc
    #[arg(long)]
    skip_programs: bool,
    /// How long phpcs and svc may each take
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    tool_timeout: time::Duration,
}

/// What is known of an earlier version.
#[derive(Args, Debug)]
struct Earlier {
    /// The archive of the version before, for the semantic version check; implies --new-version
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// An earlier version is in the store: fields missing from the manifest are warned about, because they are inherited
    #[arg(long)]
    new_version: bool,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// One object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit's XML, for GitLab and Jenkins
    Junit,
    /// Annotations of GitHub's CI
    Github,
}

impl Check {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
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
        self.verdict(&report)
    }

    fn form(&self, context: &Context) -> Outcome<Form> {
        match (context.output.is_json(), self.format) {
            (true, None | Some(Form::Json)) => Ok(Form::Json),
            (true, Some(_)) => Err(Failure::usage("--json and --format want two forms at once").next("leave one out")),
            (false, Some(form)) => Ok(form),
            (false, None) if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") => {
                Ok(Form::Github)
            }
            (false, None) => Ok(Form::Table),
        }
    }

    async fn report(&self, output: Output) -> Outcome<Report> {
        let report = checked(self.check(output)?, self.archive.clone(), &shutdown::requested()).await?;
        let is_new_version = self.earlier.new_version || self.earlier.previous.is_some();
        Ok(if is_new_version { report.for_new_version() } else { report })
    }

    fn check(&self, output: Output) -> Outcome<eqp_check::Check> {
        let manifest = self.package()?;
        let action = manifest.as_ref().and_then(|(package, _)| package.action.as_ref());
        let track = match asked(self.track, action)? {
            Asked::Submit(track) => track,
            // What is a draft now is to be submitted one day.
            Asked::Draft | Asked::Nothing => Track::Both,
        };
        let mut check = eqp_check::Check::new().tracks(track.tracks());
        if let Some((package, suppressions)) = manifest {
            let suppressions = if self.as_marketplace { Vec::new() } else { suppressions };
            check = check.listing(package.listing()?).suppressing(suppressions);
        }
        if let Some(path) = std::env::var_os("PATH").filter(|_| !self.skip_programs) {
            let line = output.program_line();
            let tools = Tools::installed(&path).patience(self.tool_timeout.unsigned_abs());
            check = check.tools(tools.watched_by(move |progress| line.show(progress)));
        }
        Ok(match &self.earlier.previous {
            Some(previous) => check.previous(previous.clone()),
            None => check,
        })
    }

    /// The package of the manifest that the archive is of, and what the manifest passes over.
    fn package(&self) -> Outcome<Option<(ManifestPackage, Vec<Suppression>)>> {
        let Some(path) = &self.manifest else { return Ok(None) };
        let manifest = Manifest::read(path)?;
        let package = match &manifest.packages[..] {
            [package] => package,
            packages => package_of(packages, &self.archive)?,
        };
        Ok(Some((package.clone(), manifest.checking.suppress)))
    }

    fn verdict(&self, report: &Report) -> Outcome {
        let what = match (report.is_refused(), self.strict && !report.is_clean()) {
            (true, _) => format!("the store would refuse {}, for {}", report.archive, reasons(report.counts.blocks)),
            (false, true) => {
                format!("the store may object to {}, for {}", report.archive, reasons(report.counts.warns))
            }
            (false, false) if self.strict => return self.is_complete(report),
            (false, false) => return Ok(()),
        };
        Err(Failure::new(Exit::Rejected, what).next("do what the report says, then check again"))
    }

    /// Fails where a rule that could have blocked did not run, unless its program was left out on purpose.
    fn is_complete(&self, report: &Report) -> Outcome {
        let is_meant = |gap: &NotRun| self.skip_programs && gap.rule.id == CODE_SNIFFER;
        let gaps: Vec<_> = report.gaps().filter(|gap| !is_meant(gap)).collect();
        if gaps.is_empty() {
            return Ok(());
        }
        let failure = Failure::new(Exit::Failed, format!("the check of {} is incomplete", report.archive));
        let failure =
            gaps.iter().fold(failure, |failure, gap| failure.why(format!("{} did not run: {}", gap.rule.id, gap.why)));
        let next = if gaps.iter().any(|gap| gap.rule.id == CODE_SNIFFER) {
            "install phpcs with the Magento2 standard, or leave it out on purpose: --skip-programs"
        } else {
            "see why it did not run, then check again"
        };
        Err(failure.next(next))
    }
}

/// Runs a check on a thread of its own, so that a signal ends it with all that it started.
pub(in crate::commands) async fn checked(
    check: eqp_check::Check,
    archive: PathBuf,
    signal: &CancellationToken,
) -> Outcome<Report> {
    let stop = Stop::default();
    let check = check.stopping(stop.clone());
    let mut running = tokio::task::spawn_blocking(move || check.run(&archive));
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = signal.cancelled() => {
            stop.stop();
            running.await
        }
    };
    Ok(ended.map_err(|error| Failure::new(Exit::Failed, "the check broke off").because(&error))??)
}

/// Of several packages the one that the archive is of.
pub(in crate::commands) fn package_of<'a>(
    packages: &'a [ManifestPackage],
    archive: &Path,
) -> Outcome<&'a ManifestPackage> {
    let name = eqp_check::facts(archive)?.package.name;
    let is_it =
        |package: &&ManifestPackage| package.sku.as_ref().is_some_and(|sku| Some(sku.as_str()) == name.as_deref());
    packages.iter().find(is_it).ok_or_else(|| {
        let name = name.clone().unwrap_or_else(|| "what the archive holds".to_owned());
        Failure::usage(format!("none of the manifest's packages has the SKU {name}"))
            .next("write the SKU into the package that the archive is of")
    })
}

fn reasons(count: usize) -> String {
    if count == 1 { "one reason".to_owned() } else { format!("{count} reasons") }
}
