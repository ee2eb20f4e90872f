//! The Markdown summary of a release, which is appended to a file, such as the summary of a CI job.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use eqp_check::{Report, format};

use crate::commands::status::md;
use crate::failure::Failure;
use crate::output::{Output, escaped};

/// The maximum size of the file, in bytes. GitHub drops a larger summary of a step completely.
const MAX_BYTES: u64 = 1024 * 1024;

/// The parts of a summary.
#[derive(Debug, Default)]
pub(super) struct Summary {
    path: Option<PathBuf>,
    /// The package.
    pub(super) label: String,
    /// The handle of the submission, if there is one.
    pub(super) handle: Option<String>,
    /// The report of the check.
    check: String,
}

impl Summary {
    /// Starts a summary for a file, or none.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, label: "release".to_owned(), ..Self::default() }
    }

    /// Adds the report of the check.
    pub(super) fn add_check(&mut self, report: &Report) {
        if self.path.is_some() {
            self.check = format::markdown(report);
        }
    }

    /// Appends the summary to the file. A file that cannot be written is reported, but does not change the result of the release.
    pub(super) fn write(self, failure: Option<&Failure>, output: Output) {
        let Some(path) = &self.path else { return };
        let text = markdown(&self.label, self.handle.as_deref(), failure, &self.check);
        let written = OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| {
            let found = file.metadata()?;
            // A pipe or a terminal has no size.
            if found.is_file() && found.len() + text.len() as u64 > MAX_BYTES {
                return Err(std::io::Error::other("the file would be larger than 1 MiB"));
            }
            file.write_all(text.as_bytes())
        });
        if let Err(error) = written {
            let path = path.to_string_lossy();
            output.note(format_args!("the summary was not written to {}: {error}", escaped(&path)));
        }
    }
}

/// Formats a summary.
fn markdown(label: &str, handle: Option<&str>, failure: Option<&Failure>, check: &str) -> String {
    let mut text = String::from("\n## ");
    let end = failure.map_or_else(|| "done".to_owned(), |failure| md(failure.report().what));
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{}: {end}", md(label));
    if let Some(handle) = handle {
        let _ = writeln!(text, "\nHandle: {}", md(handle));
    }
    if let Some(failure) = failure {
        let report = failure.report();
        // Text in an indented block is not markup.
        let why = report.why.iter().map(|why| ("why", why.as_str()));
        let next = report.next.iter().map(|next| ("next", next.as_str()));
        text.push('\n');
        for (name, lines) in why.chain(next) {
            for (number, line) in lines.lines().enumerate() {
                let name = if number == 0 { format!("{name}:") } else { String::new() };
                let _ = writeln!(text, "    {name:<6}{}", escaped(line));
            }
        }
    }
    if !check.is_empty() {
        text.push('\n');
        text.push_str(check);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn a_text_from_outside_is_not_markup() {
        let failure = Failure::new(Exit::Rejected, "the <b>review</b> rejected @acme")
            .why_in_lines("phpcs: fail\n  ```\n# x")
            .next("fix it");
        assert_eq!(
            markdown("acme/badges 1.2.0", Some("s1"), Some(&failure), "<!-- check -->\n"),
            "\n## acme/badges 1.2.0: the &lt;b>review&lt;/b> rejected \\@acme\n\nHandle: s1\n\n    why:  phpcs: fail\n\
             \x20           ```\n          # x\n    next: fix it\n\n<!-- check -->\n"
        );
        assert_eq!(markdown("x", None, None, ""), "\n## x: done\n");
    }
}
