//! What a person or a program reads: data on standard output, everything else on standard error.

mod ask;
mod confirm;
mod counted;
mod json;
mod program_line;
mod readable;
mod screen;
mod table;
mod terminal;
mod upload_bar;
mod when;

use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;

pub(crate) use ask::{ask_line, ask_secret, can_ask};
pub(crate) use confirm::Confirmation;
pub(crate) use counted::counted;
pub(crate) use json::Whole;
pub(crate) use program_line::ProgramLine;
pub(crate) use readable::readable;
pub(crate) use screen::{Paint, escaped_json, logged, plain, screened, visible, without_paint};
pub(crate) use table::{PagedTable, Table, or_dash, track_line};
pub(crate) use terminal::wrapped;
pub(crate) use upload_bar::UploadBar;
pub(crate) use when::{rfc3339, utc};

use crate::failure::{Exit, Failure, Outcome};

/// How much is said, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

#[allow(clippy::unused_self, reason = "whoever writes has been handed the way to: nothing else prints")]
impl Output {
    /// Output in JSON or for people; `quiet` leaves notes out.
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether data is to be JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Writes a line of data, or several. What is hidden in them is shown.
    pub(crate) fn line(self, line: impl std::fmt::Display) -> Outcome {
        out(&screened(&line.to_string()))
    }

    /// Writes annotations of GitHub's CI, which are commands by intent.
    pub(crate) fn annotations(self, lines: &str) -> Outcome {
        out(screen::annotations(lines).trim_end())
    }

    /// Writes bytes as they are: a file that we made, in which nothing of others is left as it was.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Outcome {
        let mut stdout = std::io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Writes data as one line of JSON: one object, or one of a stream (NDJSON).
    pub(crate) fn json(self, data: &impl Serialize) -> Outcome {
        let line = serde_json::to_string(data)
            .map_err(|error| Failure::new(Exit::Failed, "cannot write the answer as JSON").because(&error))?;
        out(&escaped_json(&line))
    }

    /// How far an upload of so many files, of so many bytes together, is: on standard error, unless quiet.
    pub(crate) fn upload_bar(self, files: usize, bytes: u64) -> UploadBar {
        UploadBar::new(!self.quiet, files, bytes)
    }

    /// How far a program of others is: on standard error, unless quiet.
    pub(crate) fn program_line(self) -> ProgramLine {
        ProgramLine::new(self)
    }

    /// Whether a line that moves can be shown: for people, on a terminal, unless quiet.
    pub(crate) fn moves(self) -> bool {
        !self.json && !self.quiet && std::io::stderr().is_terminal()
    }

    /// The width of the terminal that notes go to; none where they go elsewhere.
    pub(crate) fn note_width(self) -> Option<usize> {
        terminal::width_of(&std::io::stderr())
    }

    /// The width of the terminal that data goes to; none where it goes elsewhere.
    pub(crate) fn width(self) -> Option<usize> {
        terminal::width_of(&std::io::stdout())
    }

    /// Says something that is not data, on standard error, unless quiet. On a terminal no word is broken.
    pub(crate) fn note(self, note: impl std::fmt::Display) {
        if self.quiet {
            return;
        }
        let note = note.to_string();
        let note = self.note_width().map_or(note.clone(), |width| wrapped(&note, width));
        anstream::eprintln!("{}", screened(&note));
    }
}

/// Says something on standard error before it is known how much is to be said.
pub(crate) fn notice(text: &str) {
    anstream::eprintln!("{}", screened(text));
}

/// Reports a failure on standard error.
pub(crate) fn report(failure: &Failure, is_json: bool) {
    if is_json {
        anstream::eprintln!("{}", escaped_json(&failure.to_json().to_string()));
    } else {
        anstream::eprintln!("{}", screened(&failure.to_string()));
    }
}

/// Writes to standard output what was screened.
fn out(text: &str) -> Outcome {
    let mut stdout = anstream::stdout().lock();
    written(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
}

fn written(result: std::io::Result<()>) -> Outcome {
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
            // The log's lines are screened by its own writer.
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
