//! How far a program of others is: a line that moves on a terminal, else a line now and then.

use std::sync::Mutex;
use std::time::Duration;

use eqp_check::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Output, screened};

/// Elsewhere than on a terminal a line is written so often.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows how far a program is.
pub(crate) struct ProgramLine {
    output: Output,
    moving: Option<ProgressBar>,
    next: Mutex<Duration>,
}

impl ProgramLine {
    pub(super) fn new(output: Output) -> Self {
        let moving = output.moves().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { output, moving, next: Mutex::new(LINE_EVERY) }
    }

    /// Shows it.
    pub(crate) fn show(&self, progress: &Progress) {
        let seconds = progress.elapsed.as_secs();
        let files = progress.files.map(|(done, all)| format!(", {done} of {all} files")).unwrap_or_default();
        let text = format!("{} has been running for {seconds} s{files}", progress.program);
        if let Some(moving) = &self.moving {
            moving.set_message(screened(&text));
            moving.tick();
            return;
        }
        let Ok(mut next) = self.next.lock() else { return };
        if progress.elapsed < LINE_EVERY {
            *next = LINE_EVERY;
        } else if progress.elapsed >= *next {
            *next = progress.elapsed + LINE_EVERY;
            self.output.note(text);
        }
    }
}

impl Drop for ProgramLine {
    fn drop(&mut self) {
        if let Some(moving) = &self.moving {
            moving.finish_and_clear();
        }
    }
}
