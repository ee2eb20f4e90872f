//! How far a program of others is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How far a running program is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The program's name.
    pub program: String,
    /// How long it has been running.
    pub elapsed: Duration,
    /// The files that it has looked at, and all of them, where it reports them.
    pub files: Option<(u64, u64)>,
}

/// Is called with each report.
type Callback = dyn Fn(&Progress) + Send + Sync;

/// Who wants to know.
#[derive(Clone, Default)]
pub(super) struct Watch(pub(super) Option<Arc<Callback>>);

impl Watch {
    /// Reports progress, if anybody wants to know; `files` is read only then.
    pub(super) fn report(&self, program: &str, elapsed: Duration, files: impl FnOnce() -> Option<(u64, u64)>) {
        if let Some(watch) = &self.0 {
            watch(&Progress { program: program.to_owned(), elapsed, files: files() });
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch(some)" } else { "Watch(none)" })
    }
}

/// The last of phpcs' lines such as `............ 60 / 5000 (1%)`.
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
