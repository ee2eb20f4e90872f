//! Prints the demo: animated on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::board::Board;
use super::progress::painted;
use super::report::Report;
use crate::output::{Output, plain, sanitized, wrapped};

const GOOD: Style = AnsiColor::Green.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
/// The minimum terminal width at which a callback's line includes its event.
const WIDE: usize = 120;
/// The maximum frame rate of the terminal.
const FRAMES_PER_SECOND: u8 = 20;

/// The line of one callback.
#[derive(Debug)]
pub(super) struct CallbackLine<'a> {
    pub(super) after: Duration,
    pub(super) event: &'a str,
    pub(super) says: &'a str,
    pub(super) title: &'a str,
    pub(super) answered_in: Duration,
    /// A remark, such as "duplicate".
    pub(super) note: Option<&'a str>,
}

/// The output of the demo: standard output, or standard error if standard output is for JSON.
pub(super) struct Screen {
    /// The animated board; hidden without a terminal.
    board: ProgressBar,
    moves: bool,
    output: Output,
}

impl Screen {
    pub(super) fn new(output: Output) -> Self {
        let moves = if output.is_json() { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
        let target = match (moves, output.is_json()) {
            (false, _) => ProgressDrawTarget::hidden(),
            (true, true) => ProgressDrawTarget::stderr_with_hz(FRAMES_PER_SECOND),
            (true, false) => ProgressDrawTarget::stdout_with_hz(FRAMES_PER_SECOND),
        };
        let board = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            board.set_style(style);
        }
        Self { board, moves, output }
    }

    /// Prints the first line.
    pub(super) fn title(&self) {
        self.line("");
        self.line(format!(
            "  {}  {}",
            painted(BOLD, "EQP Integration Platform"),
            painted(FAINT, "three extensions go through the Marketplace")
        ));
        self.line("");
    }

    /// Reports that a part has started.
    pub(super) fn up(&self, part: &str, what: &str, took: Duration) {
        let took = format!("{:.2} s", took.as_secs_f64());
        self.line(format!("  {} {part:<12} {what}  {}", painted(GOOD, "✓"), painted(FAINT, &took)));
    }

    /// Prints the headings above the callbacks.
    pub(super) fn callbacks_begin(&self) {
        self.line("");
        let heads = if self.is_narrow() {
            format!("  {:>8}  {:<28}  {:<14}  {:>8}", "after", "status in the callback", "of", "answered")
        } else {
            format!(
                "  {:>8}  {:<22}  {:<28}  {:<14}  {:>8}",
                "after", "callback", "status in the callback", "of", "answered"
            )
        };
        self.line(painted(FAINT, &heads));
    }

    /// Prints a callback that was answered and projected.
    pub(super) fn callback(&self, line: &CallbackLine<'_>) {
        let after = format!("{:6.2} s", line.after.as_secs_f64());
        let answered = format!("{:5.1} ms", line.answered_in.as_secs_f64() * 1e3);
        let note = line.note.map(|note| format!("  {}", painted(NOTE, note))).unwrap_or_default();
        if self.is_narrow() {
            let says = if line.says.is_empty() { line.event } else { line.says };
            let (after, answered) = (painted(FAINT, &after), painted(FAINT, &answered));
            self.line(format!("  {after}  {says:<28}  {:<14}  {answered}{note}", line.title));
            return;
        }
        self.line(format!(
            "  {}  {:<22}  {:<28}  {:<14}  {}{note}",
            painted(FAINT, &after),
            line.event,
            line.says,
            line.title,
            painted(FAINT, &answered),
        ));
    }

    /// Prints an action of the vendor.
    pub(super) fn vendor(&self, after: Duration, what: &str) {
        let after = format!("{:6.2} s", after.as_secs_f64());
        self.line(format!("  {}  {}", painted(FAINT, &after), painted(BOLD, what)));
    }

    /// Prints what arrived at a handler.
    pub(super) fn delivery(&self, after: Duration, what: &str) {
        let after = format!("{:6.2} s", after.as_secs_f64());
        self.line(format!("  {}  {}", painted(FAINT, &after), painted(GOOD, what)));
    }

    /// Draws the board. On a terminal, it is animated below all lines.
    pub(super) fn draw(&self, board: &Board) {
        if self.moves {
            self.board.set_message(shown(&format!("\n{}\n", board.draw())));
        }
    }

    /// Prints the final board and the report.
    pub(super) fn report(&self, board: &Board, report: &Report, folder: &Path, ends: bool) {
        self.end();
        self.line("");
        self.line(board.draw());
        self.line("");
        self.line(report.in_words());
        if !ends {
            // Not wrapped, so that the commands can be copied.
            self.write(Report::what_next(folder));
        }
    }

    /// Prints where the pages are, and how to sign in again.
    pub(super) fn pages(&self, address: SocketAddr, folder: &Path) {
        self.write(Report::pages(address, folder));
    }

    /// Removes the animated lines.
    pub(super) fn end(&self) {
        self.board.finish_and_clear();
    }

    /// Returns whether the terminal is too narrow for one line per callback.
    fn is_narrow(&self) -> bool {
        self.width().is_some_and(|width| width < WIDE)
    }

    fn width(&self) -> Option<usize> {
        if self.output.is_json() { self.output.note_width() } else { self.output.width() }
    }

    fn line(&self, line: impl Into<String>) {
        let line = line.into();
        self.write(self.width().map_or(line.clone(), |width| wrapped(&line, width)));
    }

    fn write(&self, line: String) {
        if self.moves {
            self.board.println(shown(&line));
        } else if self.output.is_json() {
            self.output.note(line);
        } else {
            // The reader closed the pipe, so the rest is not printed.
            let _ = self.output.line(line);
        }
    }
}

/// Removes colours from the animated lines if necessary, because the progress bar does not use the stream that removes
/// them.
fn shown(text: &str) -> String {
    if anstream::AutoStream::choice(&std::io::stderr()) == anstream::ColorChoice::Never {
        plain(text)
    } else {
        sanitized(text)
    }
}
