//! What a person or a program reads: data on standard output, everything else on standard error.

mod ask;
mod confirm;
mod counted;
mod json;
mod readable;
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
pub(crate) use readable::readable;
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

    /// Writes one line of data.
    pub(crate) fn line(self, line: impl std::fmt::Display) -> Outcome {
        let mut stdout = anstream::stdout().lock();
        written(writeln!(stdout, "{line}").and_then(|()| stdout.flush()))
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Outcome {
        let mut stdout = std::io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Writes data as one line of JSON: one object, or one of a stream (NDJSON).
    pub(crate) fn json(self, data: &impl Serialize) -> Outcome {
        let line = serde_json::to_string(data)
            .map_err(|error| Failure::new(Exit::Failed, "cannot write the answer as JSON").because(&error))?;
        self.line(line)
    }

    /// How far an upload of so many files, of so many bytes together, is: on standard error, unless quiet.
    pub(crate) fn upload_bar(self, files: usize, bytes: u64) -> UploadBar {
        UploadBar::new(!self.quiet, files, bytes)
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
        match self.note_width() {
            Some(width) => anstream::eprintln!("{}", wrapped(&note.to_string(), width)),
            None => anstream::eprintln!("{note}"),
        }
    }
}

fn written(result: std::io::Result<()>) -> Outcome {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::reader_left(),
        _ => Failure::new(Exit::Failed, "cannot write to standard output").because(&error),
    })
}
