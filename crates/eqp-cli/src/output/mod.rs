//! Output: data on standard output, everything else on standard error.

mod json;
mod options;
mod progress;
mod prompt;
mod readable;
mod screen;
mod table;
mod terminal;

use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;

pub(crate) use crate::text::counted;
pub(crate) use json::UtcTime;
pub(crate) use options::{OutputOptions, set_color_choice};
pub(crate) use progress::{ProgramLine, StatusLine};
pub(crate) use prompt::Confirm;
pub(crate) use prompt::{ask_line, ask_secret, can_ask};
pub(crate) use readable::readable;
pub(crate) use screen::Screen;

pub(crate) use crate::sanitize::{Paint, escaped, escaped_json, logged, plain, sanitized, without_style};
pub(crate) use crate::text::shell_word;
pub(crate) use crate::text::utc;
pub(crate) use progress::UploadBar;
pub(crate) use table::{PagedTable, Table, or_dash, track_line};
pub(crate) use terminal::wrapped;

use crate::failure::{ErrorObject, Exit, Failure, Result};

/// Prints data and notes, in the requested format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

#[allow(clippy::unused_self, reason = "methods, so that only code with an Output can print")]
impl Output {
    /// Creates output in JSON or for people. `quiet` suppresses notes.
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Returns whether data is printed as JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Returns whether notes are suppressed.
    pub(crate) fn is_quiet(self) -> bool {
        self.quiet
    }

    /// Prints one or more lines of data. Control characters are escaped.
    pub(crate) fn line(self, line: impl std::fmt::Display) -> Result {
        out(&sanitized(&line.to_string()))
    }

    /// Prints annotations for GitHub Actions, which are commands by design.
    pub(crate) fn annotations(self, lines: &str) -> Result {
        out(crate::sanitize::annotations(lines).trim_end())
    }

    /// Writes bytes unchanged: a generated file in which external text is escaped already.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result {
        let mut stdout = std::io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Prints data as one line of JSON: one object, or one of a stream (NDJSON).
    pub(crate) fn json(self, data: &impl Serialize) -> Result {
        let line = serde_json::to_string(data)
            .map_err(|error| Failure::new(Exit::Failed, "cannot write the data as JSON").because(&error))?;
        out(&escaped_json(&line))
    }

    /// Returns a progress bar for an upload, on standard error, unless quiet.
    pub(crate) fn upload_bar(self, files: usize, bytes: u64) -> UploadBar {
        UploadBar::new(!self.quiet, files, bytes)
    }

    /// Returns a progress line for an external program, on standard error, unless quiet.
    pub(crate) fn program_line(self) -> ProgramLine {
        ProgramLine::new(self)
    }

    /// Returns a line about work that continues elsewhere, on standard error, unless quiet.
    pub(crate) fn status_line(self) -> StatusLine {
        StatusLine::new(self)
    }

    /// Returns whether progress can be animated: for people, on a terminal, unless quiet.
    pub(crate) fn moves(self) -> bool {
        !self.json && !self.quiet && std::io::stderr().is_terminal()
    }

    /// Returns the width of the terminal that notes are printed to, or `None` if it is not a terminal.
    pub(crate) fn note_width(self) -> Option<usize> {
        terminal::width_of(&std::io::stderr())
    }

    /// Returns the width of the terminal that data is printed to, or `None` if it is not a terminal.
    pub(crate) fn width(self) -> Option<usize> {
        terminal::width_of(&std::io::stdout())
    }

    /// Prints a note on standard error, unless quiet. On a terminal it is wrapped between words.
    pub(crate) fn note(self, note: impl std::fmt::Display) {
        if self.quiet {
            return;
        }
        let note = note.to_string();
        let note = self.note_width().map_or(note.clone(), |width| wrapped(&note, width));
        anstream::eprintln!("{}", sanitized(&note));
    }
}

/// Prints a note on standard error, even if quiet.
pub(crate) fn notice(text: &str) {
    anstream::eprintln!("{}", sanitized(text));
}

/// Reports a failure on standard error.
pub(crate) fn report(failure: &Failure, is_json: bool) {
    if is_json {
        // An object of texts and a number can always be serialized.
        let object = serde_json::to_string(&ErrorObject { error: failure.report() }).unwrap_or_default();
        anstream::eprintln!("{}", escaped_json(&object));
    } else {
        anstream::eprintln!("{}", sanitized(&failure.to_string()));
    }
}

/// Prints sanitized text to standard output.
fn out(text: &str) -> Result {
    let mut stdout = anstream::stdout().lock();
    written(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
}

fn written(result: std::io::Result<()>) -> Result {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::reader_left(),
        _ => Failure::new(Exit::Failed, "cannot write to standard output").because(&error),
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn nothing_is_printed_past_the_one_place_that_screens_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for path in sources(&root) {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            // The log's lines are sanitized by its own writer.
            if name.starts_with("output/") || name == "logging.rs" {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for printing in ["println!(", "print!(", "io::stdout().lock", "io::stderr().lock", "anstream::std"] {
                assert!(!text.contains(printing), "{name} has {printing}");
            }
        }
    }
}
