//! How far a release is: lines that stay, and on a terminal one that moves; or one JSON object per line for programs.

use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::failure::Outcome;
use crate::output::{Output, plain, screened};

/// A terminal is redrawn so often while something is waited for.
const TICK: Duration = Duration::from_millis(120);

/// How progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// On a terminal a line that moves, elsewhere plain lines
    Auto,
    /// Plain lines
    Plain,
    /// NDJSON on standard output; the last line is the result
    Json,
}

/// Tells how far it is.
pub(super) struct Progress {
    form: Form,
    output: Output,
    moving: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(form: Form, output: Output) -> Self {
        let form = if form == Form::Auto && !output.moves() { Form::Plain } else { form };
        Self { form, output, moving: None }
    }

    /// Progress and result are one stream of JSON.
    pub(super) fn is_json(&self) -> bool {
        self.form == Form::Json
    }

    /// Something begins that takes its time.
    pub(super) fn begins(&mut self, step: &str, text: &str) -> Outcome {
        self.clear();
        match self.form {
            Form::Json => self.output.json(&json!({"step": step, "state": "begins", "text": text})),
            Form::Plain => {
                self.output.note(format_args!("{text} …"));
                Ok(())
            }
            Form::Auto => {
                self.moving = Some(spinner(text));
                Ok(())
            }
        }
    }

    /// Something is done.
    pub(super) fn done(&mut self, step: &str, text: &str, facts: Value) -> Outcome {
        if self.form != Form::Json {
            self.line(text);
            return Ok(());
        }
        let mut told = json!({"step": step, "state": "done", "text": text});
        if let (Value::Object(told), Value::Object(facts)) = (&mut told, facts) {
            told.extend(facts);
        }
        self.output.json(&told)
    }

    /// What is waited for has moved.
    pub(super) fn moved(&mut self, step: &str, text: &str) -> Outcome {
        if self.form == Form::Json {
            let text = plain(text);
            return self.output.json(&json!({"step": step, "state": "moved", "text": text}));
        }
        self.line(text);
        Ok(())
    }

    /// Something that is good to know.
    pub(super) fn note(&self, text: &str) {
        match (&self.moving, self.form) {
            (Some(moving), _) => moving.suspend(|| self.output.note(text)),
            // What is no JSON belongs to standard error there, too.
            (None, _) => self.output.note(text),
        }
    }

    /// Nothing moves any more.
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
    bar.set_message(screened(text));
    bar.enable_steady_tick(TICK);
    bar
}
