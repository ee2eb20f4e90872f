//! Reports the progress of external programs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The progress of an external program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The name of the program.
    pub program: String,
    /// The time since it was started.
    pub elapsed: Duration,
    /// The number of processed files and of all files, if the program reports them.
    pub files: Option<(u64, u64)>,
}

/// The callback for reports.
type Callback = dyn Fn(&Progress) + Send + Sync;

/// An optional callback.
#[derive(Clone, Default)]
pub(super) struct ProgressCallback(pub(super) Option<Arc<Callback>>);

impl ProgressCallback {
    /// Calls the callback, if there is one. `files` is only evaluated then.
    pub(super) fn report(&self, program: &str, elapsed: Duration, files: impl FnOnce() -> Option<(u64, u64)>) {
        if let Some(on_progress) = &self.0 {
            on_progress(&Progress { program: program.to_owned(), elapsed, files: files() });
        }
    }
}

impl fmt::Debug for ProgressCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "ProgressCallback(some)" } else { "ProgressCallback(none)" })
    }
}

/// Parses the last progress line of phpcs, such as `............ 60 / 5000 (1%)`.
pub(super) fn files_of(output: &str) -> Option<(u64, u64)> {
    let (before, after) = output.rsplit_once(" / ")?;
    let done = before.rsplit(|letter: char| !letter.is_ascii_digit()).next()?;
    let all = after.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let output = "......E....W 60 / 190 (32%)\n............ 120 / 190 (63%)\n.....";
        assert_eq!(files_of(output), Some((120, 190)));
        assert_eq!(files_of("....."), None);
        assert_eq!(files_of("a / b"), None);
    }
}
