//! `eqp release`: an archive's whole way, from the check to the outcome of its review.
//!
//! [`next`] chooses each step from what the Marketplace says ([`look`]); the steps are a file each. Nothing is kept on
//! this machine between two runs: whoever runs the same command again, here or elsewhere, goes on where the last one
//! was stopped, and makes no second submission.

mod check;
mod course;
mod create;
mod difference;
mod find_files;
mod goal;
mod local_file;
mod located;
mod look;
mod next;
mod outcome;
mod plan;
mod progress;
mod pulse;
mod reasons;
mod situation;
mod stage;
mod submit;
mod upload;
mod wait_outcome;
mod wait_scan;
mod wanted;

use std::time::Duration;

use clap::Args;
use eqp_client::Client;
use eqp_types::{BatchItem, Package};

use self::goal::{Goal, Track, Until};
use self::local_file::LocalFile;
use self::located::Located;
use self::next::{Ending, Step, next};
use self::progress::{Form, Progress};
use self::pulse::Pulse;
use self::wanted::{Named, Wanted};
use super::moment::span;
use crate::compose::client::client;
use crate::compose::shutdown;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

/// A step whose end stays unclear is done so often at most.
const MOST_TRIES: usize = 3;

/// Release an archive: check, upload, wait for the scan, submit, wait for the review
///
/// Each step is chosen from what the Marketplace says. Run again after a crash, Ctrl-C or a timeout, here or on another
/// machine, it goes on where it was stopped: files that are there are not uploaded again (known by name, size and
/// checksum), and the submission is found by submission_id, by item_id, else by SKU and version. A manifest without
/// an item_id gets one of SKU and version. What was rejected is submitted again once the archive or the manifest has changed.
///
/// The manifest's `action` says which reviews it is submitted for, as `action = { technical = "submit" }`; without one, and
/// without --track, it is submitted for both. --track and an `action` that contradicts it are an error.
///
/// It prints a handle that `eqp wait` takes, on this machine or another. Changes are heard from the database of a receiver, where
/// there is one, and confirmed with the Marketplace; without one the Marketplace is asked, at first often, then every 15 s.
///
/// It ends with 0 when what was waited for has come (with --until none or scan: when it is submitted), 5 when a scan or a
/// review said no, with the reasons, 6 when the time is over, 1 when a version in review stands in the way.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp release acme-badges-1.2.0.zip                      # with release.toml
  eqp release acme-badges-1.2.0.zip --manifest badges.toml --until technical --timeout 2h
  eqp release acme-badges-1.2.1.zip --supersede
  eqp release --track marketing --dry-run
  eqp release --submission s5w9k703ru --until released --timeout 15d
  handle=$(eqp release acme-badges-1.2.0.zip --quiet)
  eqp wait \"$handle\" --timeout 15d")]
pub(crate) struct Release {
    #[command(flatten)]
    named: Named,
    /// The review that it is submitted for [default: what the manifest's `action` submits, else both]
    #[arg(long, value_enum, value_name = "TRACK")]
    track: Option<Track>,
    /// How far it is waited for
    #[arg(long, value_enum, value_name = "END", default_value_t = Until::Scan)]
    until: Until,
    /// How long to wait altogether, such as 90s, 30m, 2h, 3d
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = span)]
    timeout: Duration,
    #[command(flatten)]
    boldness: Boldness,
    /// Send it without checking it first
    #[arg(long)]
    skip_check: bool,
    /// How progress is told
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Form::Auto)]
    progress: Form,
    /// Show what would be done, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// What is done only when asked for.
#[derive(Args, Clone, Copy, Debug)]
struct Boldness {
    /// Take a version back that is in review, this one with another archive or another one, and submit this
    #[arg(long)]
    supersede: bool,
    /// Submit again what was rejected, though nothing has changed
    #[arg(long)]
    resubmit: bool,
}

/// Whether a wait came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// It did.
    Ended,
    /// There was no time left.
    TimeIsOver,
}

/// A release under way.
struct Run<'a> {
    context: &'a Context,
    client: Client,
    wanted: Wanted,
    goal: Goal,
    progress: Progress,
    pulse: Pulse,
    /// The archive of this machine, to be compared with what is there.
    archive: Option<LocalFile>,
    /// Its files, once somebody has looked for them.
    files: Vec<Located>,
    looked_at_files: bool,
    /// The submission, as it was last seen.
    submission: Option<Package>,
    /// So many versions the product has already.
    versions: usize,
    /// This run has submitted it.
    submitted: bool,
    /// The handle is still to be printed.
    handle_is_due: bool,
}

impl Release {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let stop = shutdown::requested();
        let mut progress = Progress::new(self.progress, context.output);
        let wanted = self.named.read(self.track)?;
        let goal = Goal {
            track: wanted.track,
            until: self.until,
            supersede: self.boldness.supersede,
            resubmit: self.boldness.resubmit,
        };
        if !self.skip_check {
            check::check(context, &wanted, goal.track, &stop, &mut progress).await?;
        }
        let archive = match &wanted.archive {
            Some(path) => Some(find_files::read(path.clone()).await?),
            None => None,
        };
        let client = client(&context.settings.marketplace)?;
        if !self.dry_run {
            progress.clear();
            context.confirmation.ask(client.environment(), &format!("Release {}", wanted.label))?;
        }
        // A dry run waits for nothing, so it leaves the database alone.
        let pulse = if self.dry_run {
            Pulse::without_events(self.timeout)
        } else {
            Pulse::start(context, self.timeout).await?
        };
        let mut run = Run {
            context,
            client,
            wanted,
            goal,
            progress,
            pulse,
            archive,
            files: Vec::new(),
            looked_at_files: false,
            submission: None,
            versions: 0,
            submitted: false,
            handle_is_due: !self.dry_run && !context.output.is_json() && self.progress != Form::Json,
        };
        let ended = if self.dry_run {
            stop.run_until_cancelled(run.show_plan()).await.unwrap_or_else(|| Err(interrupted()))
        } else {
            let ended = stop.run_until_cancelled(run.go()).await.unwrap_or_else(|| Err(interrupted()));
            run.conclude(ended).await
        };
        run.pulse.end().await?;
        ended
    }
}

impl Run<'_> {
    /// Does what comes next until nothing does. None when the time is over.
    async fn go(&mut self) -> Outcome<Option<Ending>> {
        let mut done: Vec<Step> = Vec::new();
        loop {
            let step = next(&self.look().await?, self.goal);
            tracing::debug!(?step, "next");
            if done.iter().filter(|other| **other == step).count() >= MOST_TRIES {
                return Err(Failure::new(Exit::Failed, format!("{} does not move on", self.wanted.label))
                    .why(format!(
                        "to {} was tried {MOST_TRIES} times, and the Marketplace shows nothing of it",
                        step.in_words()
                    ))
                    .next("look at it: eqp packages show; then run the same command again"));
            }
            done.push(step.clone());
            match step {
                Step::FindFiles => self.find_files().await?,
                Step::Upload => self.upload().await?,
                Step::WaitForScans => {
                    if self.wait_for_scans().await? == Waited::TimeIsOver {
                        return Ok(None);
                    }
                }
                Step::RecallOthers(others) => self.recall_others(&others).await?,
                Step::RecallThis(reviews) => self.recall_this(reviews).await?,
                Step::Create => {
                    if self.create().await? == Waited::TimeIsOver {
                        return Ok(None);
                    }
                }
                Step::Submit(reviews) => {
                    if self.submit(reviews).await? == Waited::TimeIsOver {
                        return Ok(None);
                    }
                }
                Step::WaitForOutcome => return self.wait_for_outcome().await,
                Step::End(ending) => return Ok(Some(ending)),
            }
        }
    }

    /// Remembers the submission as it is now; the first time its handle is printed.
    fn take_up(&mut self, package: Option<Package>) -> Outcome {
        self.submission = package;
        self.tell_handle()
    }
}

/// The Marketplace did not take it.
fn refused(label: &str, done: &str, item: &BatchItem) -> Failure {
    let code = item.code.map(|code| format!(" (code {code})")).unwrap_or_default();
    Failure::new(Exit::Rejected, format!("{label} was not {done}: the Marketplace refused"))
        .why(format!("{}{code}", item.message.as_deref().unwrap_or("no reason given")))
        .next("correct what is named and run the same command again")
}

fn interrupted() -> Failure {
    Failure::interrupted().next("run the same command again: it goes on where it stopped")
}
