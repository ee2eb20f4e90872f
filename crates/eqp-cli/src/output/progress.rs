//! Shows the progress of uploads and of external programs: animated on a terminal, otherwise as periodic lines.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eqp_client::files::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Output, sanitized};

/// A progress bar for all files of an upload. It is only shown on a terminal.
pub(crate) struct UploadBar {
    bar: ProgressBar,
    /// The number of bytes sent of each file, which starts again if an upload is repeated.
    sent: Vec<AtomicU64>,
}

impl UploadBar {
    /// Creates a bar for a number of files and their total size in bytes.
    pub(super) fn new(is_shown: bool, files: usize, bytes: u64) -> Self {
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        if let Ok(style) = ProgressStyle::with_template("uploading {bar:30} {bytes} of {total_bytes} ({bytes_per_sec})")
        {
            bar.set_style(style);
        }
        Self { bar, sent: (0..files).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Progress for UploadBar {
    fn sent(&self, file: usize, bytes: u64, _: u64) {
        if let Some(sent) = self.sent.get(file) {
            sent.store(bytes, Ordering::Relaxed);
        }
        self.bar.set_position(self.sent.iter().map(|sent| sent.load(Ordering::Relaxed)).sum());
    }
}

impl Drop for UploadBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The interval at which a line is printed without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Returns a line that moves, if progress can be animated.
fn spinner(output: Output) -> Option<ProgressBar> {
    output.moves().then(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar
    })
}

/// The progress of work that continues elsewhere. Without a terminal, a line is printed every 30 seconds.
pub(crate) struct StatusLine {
    output: Output,
    moving: Option<ProgressBar>,
    printed_at: Mutex<Instant>,
}

impl StatusLine {
    pub(super) fn new(output: Output) -> Self {
        Self { output, moving: spinner(output), printed_at: Mutex::new(Instant::now()) }
    }

    /// Shows the progress.
    pub(crate) fn show(&self, text: &str) {
        if let Some(moving) = &self.moving {
            moving.set_message(sanitized(text));
            moving.tick();
            return;
        }
        let Ok(mut printed_at) = self.printed_at.lock() else { return };
        if printed_at.elapsed() >= LINE_EVERY {
            *printed_at = Instant::now();
            self.output.note(text);
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        if let Some(moving) = &self.moving {
            moving.finish_and_clear();
        }
    }
}

/// The progress of an external program.
pub(crate) struct ProgramLine {
    output: Output,
    moving: Option<ProgressBar>,
    next: Mutex<Duration>,
}

impl ProgramLine {
    pub(super) fn new(output: Output) -> Self {
        Self { output, moving: spinner(output), next: Mutex::new(LINE_EVERY) }
    }

    /// Shows the progress.
    pub(crate) fn show(&self, progress: &eqp_check::Progress) {
        let seconds = progress.elapsed.as_secs();
        let files = progress.files.map(|(done, all)| format!(", {done} of {all} files")).unwrap_or_default();
        let text = format!("{} has been running for {seconds} s{files}", progress.program);
        if let Some(moving) = &self.moving {
            moving.set_message(sanitized(&text));
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
