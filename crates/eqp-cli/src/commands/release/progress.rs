//! Reports the progress of a release: as plain lines, with a spinner on a terminal, or as one JSON object per line.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Duration;

use clap::ValueEnum;
use eqp_release::{Dependency, Event};
use eqp_types::{Actions, FileUploadId, MalwareStatus, SubmissionId};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::output::{Output, counted, escaped, plain, track_line};

/// The interval at which the spinner is redrawn.
const TICK: Duration = Duration::from_millis(120);

/// The format of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// A spinner on a terminal, plain lines elsewhere
    Auto,
    /// Plain lines
    Plain,
    /// NDJSON on standard output; the last line is the result
    Json,
}

/// A line of progress as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ProgressLine<'a> {
    /// The step: `check`, `find`, `upload`, `scan`, `create`, `submit`, `recall` or `review`.
    step: &'a str,
    /// Its state.
    state: StepState,
    /// A description for people.
    text: &'a str,
    #[serde(flatten)]
    facts: StepFacts<'a>,
}

/// The state of a step.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum StepState {
    /// It begins, and may take long.
    Begins,
    /// Something changed while it waits.
    Moved,
    /// It is done.
    Done,
}

/// Facts about a step that is done.
#[derive(Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct StepFacts<'a> {
    /// The path or name of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<Cow<'a, str>>,
    /// The ID of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_upload_id: Option<&'a FileUploadId>,
    /// The result of the malware scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) malware_status: Option<&'a MalwareStatus>,
    /// The ID of the submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) submission_id: Option<&'a SubmissionId>,
    /// The requested action for each review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reviews: Option<Actions>,
    /// The number of warnings of the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) warnings: Option<usize>,
}

impl<'a> StepFacts<'a> {
    /// Facts about a step that changed a submission.
    fn of(submission_id: &'a SubmissionId) -> Self {
        Self { submission_id: Some(submission_id), ..Self::default() }
    }
}

/// Reports the progress of a release.
pub(super) struct Progress {
    form: Form,
    output: Output,
    moving: Option<ProgressBar>,
    /// Whether the handle still has to be printed.
    handle_is_due: bool,
    /// The failure because of which progress can no longer be printed.
    failure: Option<Failure>,
}

impl Progress {
    pub(super) fn new(form: Form, output: Output) -> Self {
        let form = if form == Form::Auto && !output.moves() { Form::Plain } else { form };
        Self { form, output, moving: None, handle_is_due: false, failure: None }
    }

    /// Returns whether progress and result are written as JSON.
    pub(super) fn is_json(&self) -> bool {
        self.form == Form::Json
    }

    /// Requests that the handle is printed as soon as it is known, so that it is not lost if this run is killed.
    pub(super) fn handle_is_due(&mut self) {
        self.handle_is_due = true;
    }

    /// Returns whether the handle still has to be printed.
    pub(super) fn is_handle_due(&self) -> bool {
        self.handle_is_due
    }

    /// Returns the failure because of which progress could not be printed.
    pub(super) fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    fn show(&mut self, event: Event<'_>) -> Result {
        match event {
            Event::FileFound { file, id } => {
                let text = format!("{file} is already uploaded as {id}");
                self.done(
                    "find",
                    &text,
                    StepFacts { file: Some(Cow::Borrowed(file)), file_upload_id: Some(id), ..StepFacts::default() },
                )
            }
            Event::SubmissionKnown { handle } => self.handle(handle),
            Event::DependencyUndecided(one) => {
                self.note(&format!("required package {}", one.sentence()));
                Ok(())
            }
            Event::WaitingForDependencies(unmet) => {
                let unmet: Vec<_> = unmet.iter().map(Dependency::sentence).collect();
                self.begins("dependencies", &format!("waiting until the store has {}", unmet.join("; ")))
            }
            Event::OlderVersion { version, in_store } => {
                self.note(&format!("version {version} is older than version {in_store}, which is in the store"));
                Ok(())
            }
            Event::Uploading { files, bytes } => {
                let text = format!("uploading {}, {:.1} MB", counted(files, "file"), megabytes(bytes));
                self.begins("upload", &text)?;
                // The upload has its own progress bar.
                self.clear();
                Ok(())
            }
            Event::Uploaded { path, id } => {
                let text = format!("uploaded {} as {id}", path.display());
                self.done(
                    "upload",
                    &text,
                    StepFacts { file: Some(path.to_string_lossy()), file_upload_id: Some(id), ..StepFacts::default() },
                )
            }
            Event::WaitingForScans { files } => {
                self.begins("scan", &format!("waiting for the malware scan of {}", counted(files, "file")))
            }
            Event::Scanned { file, id, status } => {
                let text = format!("scan of {file}: {status}");
                self.done(
                    "scan",
                    &text,
                    StepFacts { file_upload_id: Some(id), malware_status: Some(status), ..StepFacts::default() },
                )
            }
            Event::FileDiffers { file } => {
                let text = format!("{} differs from the uploaded file with the same name; uploading it", escaped(file));
                self.moved("scan", &text)
            }
            Event::Creating { label } => self.begins("create", &format!("creating {label}")),
            Event::Created { label, id } => self.done("create", &format!("created {label} as {id}"), StepFacts::of(id)),
            Event::Submitting { id, reviews } => self.begins("submit", &format!("submitting {id} for {reviews}")),
            Event::Submitted { id, reviews } => {
                let facts = StepFacts {
                    submission_id: Some(id),
                    reviews: Some(reviews.ask(&eqp_types::ReviewAction::Submit)),
                    ..StepFacts::default()
                };
                self.done("submit", &format!("submitted {id} for {reviews}"), facts)
            }
            Event::Recalling { id, reviews } => self.begins("recall", &format!("recalling {id} from {reviews}")),
            Event::Recalled { id, reviews } => {
                self.done("recall", &format!("recalled {id} from {reviews}"), StepFacts::of(id))
            }
            Event::WaitingForReview { id } => self.begins("review", &format!("waiting for the review of {id}")),
            Event::StatusChanged(states) => {
                let line = track_line(states.iter().map(|(flow, state)| (flow.as_str(), state.as_str())));
                self.moved("review", &line)
            }
            Event::ScanRunning => {
                self.note("a malware scan is still running; the package is sent again after it");
                Ok(())
            }
            Event::Unconfirmed { change, error } => {
                self.note(&format!("result unknown, checking whether it was {change}: {error}"));
                Ok(())
            }
            Event::Unanswered(error) => {
                self.note(&format!("no usable response from the Marketplace, still waiting: {error}"));
                Ok(())
            }
            Event::ResultsUnreadable(error) => {
                self.note_failure("the results of the tests cannot be read", &error.into());
                Ok(())
            }
            Event::ReportUnreadable { tool, error } => {
                self.note_failure(&format!("the report of {tool} cannot be read"), &error.into());
                Ok(())
            }
        }
    }

    fn handle(&mut self, handle: Option<String>) -> Result {
        if !std::mem::take(&mut self.handle_is_due) {
            return Ok(());
        }
        self.clear();
        handle.map_or(Ok(()), |handle| self.output.line(handle))
    }

    /// Reports the start of a long step.
    pub(super) fn begins(&mut self, step: &str, text: &str) -> Result {
        self.clear();
        match self.form {
            Form::Json => self.json(step, StepState::Begins, text, StepFacts::default()),
            Form::Plain => {
                self.output.note(format_args!("{} …", escaped(text)));
                Ok(())
            }
            Form::Auto => {
                self.moving = Some(spinner(text));
                Ok(())
            }
        }
    }

    /// Reports the end of a step.
    pub(super) fn done(&mut self, step: &str, text: &str, facts: StepFacts<'_>) -> Result {
        if self.form != Form::Json {
            self.line(&escaped(text));
            return Ok(());
        }
        self.json(step, StepState::Done, text, facts)
    }

    fn json(&self, step: &str, state: StepState, text: &str, facts: StepFacts<'_>) -> Result {
        self.output.json(&ProgressLine { step, state, text, facts })
    }

    /// Reports a change while waiting.
    fn moved(&mut self, step: &str, text: &str) -> Result {
        if self.form == Form::Json {
            return self.json(step, StepState::Moved, &plain(text), StepFacts::default());
        }
        self.line(text);
        Ok(())
    }

    /// Prints a note on one line. Line ends in it come from external text and are escaped.
    pub(super) fn note(&self, text: &str) {
        // Notes are not JSON, so they go to standard error with --progress json too.
        self.line(&escaped(text));
    }

    /// Prints a failure that does not end the release.
    fn note_failure(&self, what: &str, failure: &Failure) {
        self.line(&format!("{}:\n{failure}", escaped(what)));
    }

    /// Removes the spinner.
    pub(super) fn clear(&mut self) {
        if let Some(moving) = self.moving.take() {
            moving.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.moving {
            Some(moving) => moving.suspend(|| self.output.note(text)),
            None => self.output.note(text),
        }
    }
}

impl eqp_release::Progress for Progress {
    fn report(&mut self, event: Event<'_>) -> ControlFlow<()> {
        match self.show(event) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.failure = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn upload(&mut self, files: usize, bytes: u64) -> Box<dyn eqp_client::files::Progress> {
        Box::new(self.output.upload_bar(files, bytes))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn spinner(text: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.set_message(escaped(text));
    bar.enable_steady_tick(TICK);
    bar
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
