//! How far an upload is, on a terminal.

use std::sync::atomic::{AtomicU64, Ordering};

use eqp_client::files::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One bar for all files of an upload. Elsewhere than on a terminal it shows nothing.
pub(crate) struct UploadBar {
    bar: ProgressBar,
    /// What was sent of each file: an upload that is sent again begins anew.
    sent: Vec<AtomicU64>,
}

impl UploadBar {
    /// A bar for so many files of so many bytes together.
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
