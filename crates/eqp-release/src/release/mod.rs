//! Releases an archive, from the upload to the result of the reviews.
//!
//! [`next_step`] chooses each step from the observed state ([`observe`]). Nothing is stored between runs: the same release that is
//! started again, on this machine or another one, continues where the last run stopped and creates no second submission.

mod changes;
mod dependencies;
mod dependency_state;
mod diff;
mod error;
mod failed_tests;
mod files;
mod local_file;
mod next_step;
mod observe;
mod observed_state;
mod patch;
mod phase;
mod plan;
mod poller;
mod progress;
mod remote_file;
mod step;
mod steps_ahead;
mod target;
mod version;
mod wait_review;
mod wait_scan;

use std::time::Duration;

use eqp_client::Client;
use eqp_types::{BatchItem, EqpStatus, Package};

pub use self::error::{Change, Error};
use self::failed_tests::failed_tests;
pub use self::failed_tests::{FailedTest, FailureReasons, ReportedTest, reported_test};
use self::local_file::LocalFile;
use self::next_step::next_step;
pub(crate) use self::observe::versions;
pub use self::patch::PatchPrediction;
pub(crate) use self::phase::is_live;
pub use self::phase::{Phase, review_phases, running_reviews};
pub use self::plan::Plan;
pub use self::poller::Poller;
use self::progress::report;
pub use self::progress::{Event, NoProgress, Progress};
pub use self::remote_file::RemoteFile;
pub use self::step::{ReleaseResult, Step};
pub use self::target::{Reviews, Target, Until};
pub use self::version::is_older;
pub(crate) use self::version::is_same;
use crate::dependencies::Dependency;
use crate::selection::SelectedPackage;

/// The maximum number of attempts for a step without a visible effect.
const MAX_ATTEMPTS: usize = 3;
/// If a plan is older than this, for example because of a confirmation prompt, the state is observed again before the first step.
const PLAN_MAX_AGE: Duration = Duration::from_mins(1);

/// The end of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitEnd {
    /// The wait has finished.
    Finished,
    /// The wait timed out.
    TimedOut,
}

/// A release of a package.
///
/// [`observe`](Self::observe) only reads and returns a [`Plan`]; [`apply`](Self::apply) carries it out.
///
/// ```no_run
/// # async fn example(client: eqp_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use eqp_release::{ReleaseResult, Target, NoProgress, Poller, Release, Selection, Until};
///
/// let selection = Selection { manifest: Some("release.toml".into()), ..Selection::default() };
/// let selected = selection.read()?;
/// let target = Target::new(selected.track, Until::Scan);
/// let mut release = Release::new(client, selected, target).await?;
/// let plan = release.observe(&mut NoProgress).await?;
/// println!("{plan}");
/// let poller = Poller::without_events(Duration::from_secs(1800));
/// let result = release.apply(plan, poller, &mut NoProgress).await?;
/// assert_eq!(result, Some(ReleaseResult::Pending));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Release {
    client: Client,
    selected: SelectedPackage,
    target: Target,
    /// The local archive.
    archive: Option<LocalFile>,
    /// The files, once observed.
    files: Vec<RemoteFile>,
    files_observed: bool,
    /// The required packages of the same vendor, once observed.
    dependencies: Option<Vec<Dependency>>,
    /// The submission, as last observed.
    submission: Option<Package>,
    /// The number of existing versions of the product.
    versions: usize,
    /// The newest version in the store, if that is newer than the one to release.
    newer_in_store: Option<String>,
    /// Whether the version is, or could be, reviewed as a patch.
    patch: Option<PatchPrediction>,
    /// The fields, other than files, in which the manifest differs from the submission.
    changed_fields: Vec<String>,
    /// Whether this run has submitted the package.
    submitted: bool,
}

/// A release in progress.
struct Run<'a> {
    release: &'a mut Release,
    poller: Poller,
    progress: &'a mut dyn Progress,
}

impl Release {
    /// Creates a release of `selected`. Reads the archive, but sends nothing.
    ///
    /// # Errors
    /// [`Error::Unreadable`] or [`Error::Unnamed`] if the archive cannot be read or its name is not UTF-8.
    pub async fn new(client: Client, selected: SelectedPackage, target: Target) -> Result<Self, Error> {
        let archive = match &selected.archive {
            Some(path) => Some(files::read(path.clone()).await?),
            None => None,
        };
        Ok(Self {
            client,
            selected,
            target,
            archive,
            files: Vec::new(),
            files_observed: false,
            dependencies: None,
            submission: None,
            versions: 0,
            newer_in_store: None,
            patch: None,
            changed_fields: Vec::new(),
            submitted: false,
        })
    }

    /// Observes the state of the release and plans the next steps. Changes nothing.
    ///
    /// # Errors
    /// - [`Error::Marketplace`] if a request fails.
    /// - [`Error::OtherVersion`] if the ID in the manifest belongs to another version.
    /// - [`Error::VersionMismatch`] if manifest and archive have different versions.
    /// - [`Error::Unreadable`], [`Error::Unnamed`] or [`Error::Package`] if a file or the package cannot be sent.
    pub async fn observe(&mut self, progress: &mut dyn Progress) -> Result<Plan, Error> {
        // They may have reached the store since the last observation.
        self.dependencies = None;
        let mut state = self.observe_state().await?;
        self.report_submission(progress)?;
        if next_step(&state, self.target) == Step::FindDependencies {
            self.find_dependencies(progress).await?;
            state.dependencies = self.dependencies_state();
        }
        if next_step(&state, self.target) == Step::FindFiles {
            self.find_files(progress).await?;
            state = self.observe_state().await?;
        }
        let missing = self.files.iter().filter(|one| one.record.is_none()).map(RemoteFile::name).collect();
        let label = self.selected.label.clone();
        let plan = Plan::new(state, self.target, self.client.environment(), label, self.handle(), missing);
        if plan.sends_package() {
            self.validate_version(progress)?;
        }
        Ok(plan)
    }

    /// Validates the version before anything is sent. The store reads it from the archive.
    fn validate_version(&self, progress: &mut dyn Progress) -> Result<(), Error> {
        let Some(version) = self.selected.package.changes.version.as_deref() else { return Ok(()) };
        if let Some(archive) = self.selected.archive_version.as_deref().filter(|archive| !is_same(archive, version)) {
            return Err(Error::VersionMismatch { manifest: version.to_owned(), archive: archive.to_owned() });
        }
        match &self.newer_in_store {
            Some(in_store) => report(progress, Event::OlderVersion { version, in_store }),
            None => Ok(()),
        }
    }

    /// Applies a plan. After the first step, each step is chosen from a new observation, so the steps can differ from the plan. Returns the
    /// result, or `None` if the timeout of `poller` has expired.
    ///
    /// # Errors
    /// Every variant of [`Error`] is possible. Running the release again continues where it stopped.
    pub async fn apply(
        &mut self,
        plan: Plan,
        poller: Poller,
        progress: &mut dyn Progress,
    ) -> Result<Option<ReleaseResult>, Error> {
        Run { release: self, poller, progress }.run(plan).await
    }

    /// Reads why a review rejected the submission. Empty for other results. Reports that cannot be read are skipped.
    pub async fn failed_tests(&self, result: &ReleaseResult, progress: &mut dyn Progress) -> Vec<FailedTest> {
        let id = self.submission.as_ref().and_then(|package| package.submission_id.as_ref());
        match (result, id) {
            (ReleaseResult::Rejected(flow), Some(id)) => failed_tests(&self.client, id, flow, progress).await,
            _ => Vec::new(),
        }
    }

    /// Returns the ID for a later wait: that of the submission, or of the archive if there is no submission yet.
    pub fn handle(&self) -> Option<String> {
        let submission = self.submission.as_ref().and_then(|package| package.submission_id.as_ref());
        let from_archive = || {
            let archive = self.selected.archive.as_deref();
            let one = match archive {
                Some(path) => remote_file::at(&self.files, path),
                None => self.files.iter().find(|one| one.local.is_none()),
            };
            one.and_then(RemoteFile::id).map(ToString::to_string)
        };
        submission.map(ToString::to_string).or_else(from_archive)
    }

    /// Returns whether the version is, or could be, reviewed as a patch, as last observed.
    pub fn patch(&self) -> Option<&PatchPrediction> {
        self.patch.as_ref()
    }

    /// Returns the package to release.
    pub fn selected(&self) -> &SelectedPackage {
        &self.selected
    }

    /// Returns the target of the release.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Returns the observed files.
    pub fn files(&self) -> &[RemoteFile] {
        &self.files
    }

    /// Returns the packages of the same vendor that the archive requires and the store does not have, as last observed.
    pub fn unmet_dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies.iter().flatten().filter(|one| one.is_unmet())
    }

    /// Returns the submission, as last observed.
    pub fn submission(&self) -> Option<&Package> {
        self.submission.as_ref()
    }

    /// Returns the fields that differ between manifest and submission and were not sent by this run. Files are not compared.
    pub fn unsent_changes(&self) -> &[String] {
        if self.submitted { &[] } else { &self.changed_fields }
    }

    /// Returns whether this run has submitted the package.
    pub fn has_submitted(&self) -> bool {
        self.submitted
    }

    /// Returns whether the package is available in the store.
    pub fn is_live(&self) -> bool {
        self.status().is_some_and(is_live)
    }

    /// Returns the status of the submission, as last observed.
    pub fn status(&self) -> Option<&EqpStatus> {
        self.submission.as_ref().and_then(|package| package.eqp_status.as_ref())
    }

    fn report_submission(&self, progress: &mut dyn Progress) -> Result<(), Error> {
        match &self.submission {
            Some(_) => report(progress, Event::SubmissionKnown { handle: self.handle() }),
            None => Ok(()),
        }
    }

    fn rejected(&self, change: Change, item: &BatchItem) -> Error {
        let label = self.selected.label.clone();
        Error::Rejected { label, change, code: item.code, message: item.message.clone() }
    }
}

impl Run<'_> {
    /// Carries out steps until there is a result. Returns `None` if the time is over.
    async fn run(&mut self, plan: Plan) -> Result<Option<ReleaseResult>, Error> {
        let mut done: Vec<Step> = Vec::new();
        let mut observed = (plan.observed_at.elapsed() < PLAN_MAX_AGE).then_some(plan.state);
        loop {
            let state = match observed.take() {
                Some(state) => state,
                None => self.release.observe_state().await?,
            };
            self.release.report_submission(self.progress)?;
            let step = next_step(&state, self.release.target);
            tracing::debug!(?step, "next step");
            if done.iter().filter(|other| **other == step).count() >= MAX_ATTEMPTS {
                return Err(Error::Stalled {
                    label: self.release.selected.label.clone(),
                    step,
                    attempts: MAX_ATTEMPTS,
                });
            }
            done.push(step.clone());
            match step {
                Step::FindDependencies => self.release.find_dependencies(self.progress).await?,
                Step::WaitForDependencies(_) => {
                    if self.wait_for_dependencies().await? == WaitEnd::TimedOut {
                        return Ok(None);
                    }
                }
                Step::FindFiles => self.release.find_files(self.progress).await?,
                Step::Upload => self.upload().await?,
                Step::WaitForScans => {
                    if self.wait_for_scans().await? == WaitEnd::TimedOut {
                        return Ok(None);
                    }
                }
                Step::RecallOthers(others) => self.recall_others(&others).await?,
                Step::RecallThis(reviews) => self.recall_this(reviews).await?,
                Step::Create => {
                    if self.create().await? == WaitEnd::TimedOut {
                        return Ok(None);
                    }
                }
                Step::Submit(reviews) => {
                    if self.submit(reviews).await? == WaitEnd::TimedOut {
                        return Ok(None);
                    }
                }
                Step::WaitForReview => return self.wait_for_review().await,
                Step::End(result) => return Ok(Some(result)),
            }
        }
    }

    fn report(&mut self, event: Event<'_>) -> Result<(), Error> {
        report(self.progress, event)
    }
}
