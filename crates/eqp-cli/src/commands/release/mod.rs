//! `eqp release`: checks an archive, uploads and submits it, and waits for its review.

mod built;
pub(crate) mod check;
mod notes;
pub(crate) mod outcome;
mod plan;
mod prepare;
mod previous;
pub(crate) mod progress;
mod remaining;
mod selection;
mod several;
mod summary;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use eqp_release::{Error, Poller, ReleasedVersion, SelectedPackage, Target};
use eqp_types::Sku;
use tokio_util::sync::CancellationToken;

use self::notes::NotesOptions;
use self::plan::ReleasePlan;
use self::prepare::Prepared;
use self::progress::{Form, Progress};
use self::selection::SelectionOptions;
use self::several::Failures;
use self::summary::Summary;
use super::packages::programs::ProgramOptions;
use super::then::ThenOptions;
use crate::arguments::{Track, wait_time};
use crate::change::{self, Change, Confirmation};
use crate::compose::client::client;
use crate::compose::recorded;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::shutdown;

/// Release an archive: check, upload, submit, and wait for the review
///
/// Each step depends on the current state at the Marketplace. After a crash, Ctrl-C or a timeout, run the same command
/// again, on this or another machine: it continues where it stopped. Uploaded files are recognised by name, size and
/// checksum. The submission is found by submission_id, by item_id, or by SKU and version. If the manifest has no
/// item_id, one is derived from SKU and version. A rejected version is submitted again only if the archive or the
/// manifest has changed.
///
/// The manifest's `action` selects the reviews, for example `action = { technical = "submit" }`. Without `action` and
/// --track, the version is submitted for both reviews. --track must not contradict `action`.
///
/// Prints a handle, with which `eqp wait` waits for the result on this or another machine. If a server or the database
/// of a receiver is configured, changes are read from its events and confirmed with the Marketplace. Otherwise the
/// Marketplace is polled: often at first, then every 15 s.
///
/// --then runs a command each time `eqp release` finds the version in the store, so the command can run again after a
/// crash or in a later job; --then-unless prevents that. The command receives EQP_SUBMISSION_ID, EQP_SKU and
/// EQP_VERSION, and its output goes to standard error.
///
/// A version is only submitted once the store has the packages of the same vendor that its composer.json requires, and
/// its shared packages. Otherwise nothing is sent; --wait-for-dependencies waits for them. Several products (--manifest
/// is repeated) are released in the order in which they require each other, each with its own timeout. One that fails
/// does not prevent the others.
///
/// Exit codes: 0 if the stage given by --until was reached (with none and scan: if the version is submitted); 5 if the
/// scan or a review failed; 6 after the timeout; 9 if the command of --then failed (repeat the call to retry); 1 if
/// another version in review, or a package that the store does not have yet, prevents the release, or if a blocking rule
/// did not run, such as code-sniffer without phpcs: install it with `eqp tools install`, or allow it with
/// --allow-not-run.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp release acme-badges-1.2.0.zip                      # with release.toml
  eqp release acme-badges-1.2.0.zip --manifest badges.toml \\
      --until technical --timeout 2h
  # build the archive, and complete a short manifest:
  eqp release --tag v1.2.1 --notes-from changelog --from-previous
  eqp release --manifest core.toml --manifest checkout.toml  # in order
  eqp release acme-badges-1.2.1.zip --supersede
  eqp release --track marketing --dry-run
  eqp release --until released --timeout 0 --then ./publish  # scheduled job
  handle=$(eqp release acme-badges-1.2.0.zip --quiet)
  eqp wait \"$handle\" --timeout 15d")]
pub(crate) struct Release {
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    notes: NotesOptions,
    /// Take the fields that the manifest lacks from the version in the store
    #[arg(long)]
    from_previous: bool,
    /// Review to submit for [default: as in the manifest's `action`, else both]
    #[arg(long, value_enum, value_name = "TRACK")]
    track: Option<Track>,
    /// Stage to wait for
    #[arg(long, value_enum, value_name = "STAGE", default_value_t = Until::Scan)]
    until: Until,
    /// Maximum time to wait, such as 2h or 3d; 0 queries once
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = wait_time)]
    timeout: Duration,
    #[command(flatten)]
    then: ThenOptions,
    #[command(flatten)]
    submit: SubmitOptions,
    #[command(flatten)]
    dependencies: DependencyOptions,
    /// Submit without checking the archive first
    #[arg(long)]
    skip_check: bool,
    #[command(flatten)]
    programs: ProgramOptions,
    /// Format of progress messages
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Form::Auto)]
    progress: Form,
    /// Append a Markdown summary to a file, such as "$GITHUB_STEP_SUMMARY"
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    summary: Option<PathBuf>,
    /// Show the steps without sending anything
    #[arg(long)]
    dry_run: bool,
}

/// Options for required packages of the same vendor.
#[derive(Args, Clone, Debug)]
struct DependencyOptions {
    /// Wait until the store has the packages of the same vendor that the archive requires
    #[arg(long, hide_short_help = true)]
    wait_for_dependencies: bool,
    /// Package of the same vendor that the store does not need to have, for example because it is on Packagist
    #[arg(long, value_name = "SKU", hide_short_help = true)]
    ignore_dependency: Vec<Sku>,
}

/// Options that change how a version is submitted.
#[derive(Args, Clone, Copy, Debug)]
struct SubmitOptions {
    /// Recall any version that is in review, and submit this archive
    #[arg(long)]
    supersede: bool,
    /// Submit a rejected version again even if nothing has changed
    #[arg(long)]
    resubmit: bool,
    /// Declare the version as a patch of the one in the store, which skips manual QA if the store agrees
    #[arg(long, hide_short_help = true)]
    process_as_patch: bool,
}

/// The stage of a release to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Until {
    /// Submit without waiting, except for the scan if the Marketplace requires it
    None,
    /// The malware scan; the package is then submitted
    Scan,
    /// The end of the technical review
    Technical,
    /// The end of the marketing review
    Marketing,
    /// The release to the store
    Released,
}

impl From<Until> for eqp_release::Until {
    fn from(until: Until) -> Self {
        match until {
            Until::None => Self::None,
            Until::Scan => Self::Scan,
            Until::Technical => Self::Technical,
            Until::Marketing => Self::Marketing,
            Until::Released => Self::Released,
        }
    }
}

/// A release with its progress output.
struct ReportedRelease<'a> {
    context: &'a Context,
    release: eqp_release::Release,
    progress: Progress,
    stop: CancellationToken,
    timeout: Duration,
    then: ThenOptions,
    summary: &'a mut Summary,
    dry_run: bool,
}

impl Release {
    pub(crate) async fn run(self, context: &Context) -> Result {
        if self.then.command().is_some() && self.until != Until::Released {
            return Err(
                Failure::usage("--then runs a command after the release to the store").next("add --until released")
            );
        }
        let stop = shutdown::requested();
        let mut prepared = Vec::new();
        for selection in self.selection.clone().each()? {
            prepared.push(self.prepare(selection, &stop, context).await?);
        }
        if prepared.len() > 1 {
            return self.release_all(several::in_order(prepared)?, &stop, context).await;
        }
        for Prepared { selected, progress, built: _built, mut summary } in prepared {
            let released = async {
                let release = self.release_of(selected, context).await?;
                self.release(release, progress, &mut summary, &stop, context).await
            };
            let released = Box::pin(released).await;
            summary.write(released.as_ref().err(), context.output);
            released?;
        }
        Ok(())
    }

    async fn release_of(&self, selected: SelectedPackage, context: &Context) -> Result<eqp_release::Release> {
        let mut target = Target::new(selected.track, self.until.into());
        target.supersede = self.submit.supersede;
        target.resubmit = self.submit.resubmit;
        target.wait_for_dependencies = self.dependencies.wait_for_dependencies;
        Ok(eqp_release::Release::new(client(&context.settings.marketplace)?, selected, target).await?)
    }

    /// Releases one product.
    async fn release(
        &self,
        release: eqp_release::Release,
        progress: Progress,
        summary: &mut Summary,
        stop: &CancellationToken,
        context: &Context,
    ) -> Result {
        let (timeout, dry_run) = (self.timeout, self.dry_run);
        let (stop, then) = (stop.clone(), self.then.clone());
        let mut run = ReportedRelease { context, release, progress, stop, timeout, then, summary, dry_run };
        if !dry_run && !context.output.is_json() && self.progress != Form::Json {
            run.progress.handle_is_due();
        }
        Box::pin(change::run(context, run, dry_run)).await.map(drop)
    }

    /// Releases several products, in this order.
    async fn release_all(&self, prepared: Vec<Prepared>, stop: &CancellationToken, context: &Context) -> Result {
        let (mut releases, mut others) = (Vec::new(), Vec::new());
        for Prepared { selected, progress, built, summary } in prepared {
            releases.push(self.release_of(selected, context).await?);
            others.push((progress, built, summary));
        }
        let checked = several::refuse_missing(&mut releases, self.dependencies.wait_for_dependencies);
        stop.run_until_cancelled(checked).await.unwrap_or_else(|| Err(interrupted()))?;
        let mut failures = Failures::default();
        for (release, (progress, _built, mut summary)) in releases.into_iter().zip(others) {
            let label = release.selected().label.clone();
            let result = self.release(release, progress, &mut summary, stop, context).await;
            summary.write(result.as_ref().err(), context.output);
            failures.add(&label, result, context.output)?;
        }
        failures.first()
    }
}

impl Change for ReportedRelease<'_> {
    type Plan = ReleasePlan;
    type Applied = ();

    async fn observe(&mut self) -> Result<ReleasePlan> {
        let observed = self.stop.run_until_cancelled(self.release.observe(&mut self.progress)).await;
        let observed = observed.unwrap_or(Err(Error::Stopped)).map_err(|error| self.failure_of(error));
        self.progress.clear();
        match observed {
            Ok(plan) => {
                let stop = self.stop.clone();
                stop.run_until_cancelled(self.plan(plan)).await.ok_or_else(interrupted)
            }
            Err(failure) if self.dry_run => Err(failure),
            // The state reached so far is still reported.
            Err(failure) => Err(self.conclude(Err(failure)).await.expect_err("a failure stays one")),
        }
    }

    async fn apply(mut self, plan: ReleasePlan, _: Confirmation) -> Result {
        let environment = self.context.settings.marketplace.environment();
        // A release does not need events.
        let operator = recorded::open(self.context).await.unwrap_or_else(|failure| {
            self.without_events(&failure);
            None
        });
        let poller = match &operator {
            Some(operator) => Poller::follow(&recorded::source(operator), environment, self.timeout).await,
            None => Ok(Poller::without_events(self.timeout)),
        };
        let poller = poller.unwrap_or_else(|error| {
            self.without_events(&error.into());
            Poller::without_events(self.timeout)
        });
        let applied = Box::pin(self.release.apply(plan.plan, poller, &mut self.progress));
        let ended = self.stop.run_until_cancelled(applied).await;
        let ended = ended.unwrap_or(Err(Error::Stopped)).map_err(|error| self.failure_of(error));
        let ended = self.conclude(ended).await;
        if let Some(operator) = operator {
            operator.close().await?;
        }
        ended?;
        match self.release.submission() {
            Some(package) if self.release.is_live() => {
                self.then.run(&ReleasedVersion::from(package), self.context.output).await
            }
            _ => Ok(()),
        }
    }
}

impl ReportedRelease<'_> {
    fn without_events(&self, reason: &Failure) {
        let reason = reason.in_one_line();
        self.context.output.note(format_args!("events are not available ({reason}); polling the Marketplace instead"));
    }

    /// Returns the failure: if progress could not be printed, that failure takes precedence.
    fn failure_of(&mut self, error: Error) -> Failure {
        match error {
            Error::Stopped => self.progress.failure().unwrap_or_else(interrupted),
            error => error.into(),
        }
    }
}

fn interrupted() -> Failure {
    Failure::interrupted().next("run the same command again: it continues where it stopped")
}
