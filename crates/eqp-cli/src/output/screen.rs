//! Redraws lines in place on a terminal.

use std::io::{IsTerminal, Write};

use super::{Result, plain, sanitized, terminal, written};

/// Lines on a terminal, of which those that change are redrawn.
pub(crate) struct Screen {
    lines: Vec<String>,
    /// The lines were drawn from the top of the screen, because there are more than fit.
    is_full: bool,
}

impl Screen {
    /// Returns a screen on standard output, or `None` if that is not a terminal that can move its cursor.
    pub(crate) fn on_terminal() -> Option<Self> {
        let kind = std::env::var("TERM").unwrap_or_default();
        let can_move = std::io::stdout().is_terminal() && !kind.is_empty() && kind != "dumb";
        can_move.then(|| Self { lines: Vec::new(), is_full: false })
    }

    /// Draws a text in place of the previous one.
    pub(crate) fn draw(&mut self, text: &str) -> Result {
        let (width, height) = terminal::size_of(&std::io::stdout());
        let lines: Vec<String> = text.lines().map(|line| fitting(line, width)).collect();
        let output = self.change_to(lines, height);
        let mut stdout = anstream::stdout().lock();
        written(stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()))
    }

    /// Returns the characters that change the screen to these lines.
    fn change_to(&mut self, mut lines: Vec<String>, height: usize) -> String {
        let room = height.saturating_sub(1).max(1);
        let is_full = lines.len() > room;
        if is_full {
            let hidden = lines.len() - room + 1;
            lines.truncate(room - 1);
            lines.push(format!("... {hidden} more lines"));
        }
        let all = |lines: &[String]| lines.join("\n") + "\n";
        let output = if is_full || self.is_full {
            format!("\u{1b}[H\u{1b}[J{}", all(&lines))
        } else if self.lines.len() == lines.len() {
            let changed = self.lines.iter().zip(&lines).enumerate().filter(|(_, (old, new))| old != new);
            changed.fold(String::new(), |output, (number, (_, new))| {
                let up = lines.len() - number;
                format!("{output}\u{1b}[{up}A\r\u{1b}[2K{new}\u{1b}[{up}B\r")
            })
        } else if self.lines.is_empty() {
            all(&lines)
        } else {
            format!("\u{1b}[{}A\r\u{1b}[J{}", self.lines.len(), all(&lines))
        };
        (self.lines, self.is_full) = (lines, is_full);
        output
    }
}

/// Returns a line without what does not fit, because a line that is wrapped by the terminal cannot be redrawn.
fn fitting(line: &str, width: usize) -> String {
    let bare = plain(line);
    if bare.chars().count() <= width {
        return sanitized(line);
    }
    bare.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn only_lines_that_have_changed_are_redrawn() {
        let mut screen = Screen { lines: Vec::new(), is_full: false };
        assert_eq!(screen.change_to(lines("a\nb\nc"), 24), "a\nb\nc\n");
        assert_eq!(screen.change_to(lines("a\nb\nc"), 24), "");
        assert_eq!(screen.change_to(lines("a\nB\nc"), 24), "\u{1b}[2A\r\u{1b}[2KB\u{1b}[2B\r");
        assert_eq!(screen.change_to(lines("a"), 24), "\u{1b}[3A\r\u{1b}[Ja\n");
    }

    #[test]
    fn a_screen_that_is_too_small_shows_the_first_lines() {
        let mut screen = Screen { lines: Vec::new(), is_full: false };
        assert_eq!(screen.change_to(lines("a\nb\nc\nd"), 4), "\u{1b}[H\u{1b}[Ja\nb\n... 2 more lines\n");
        assert_eq!(screen.change_to(lines("a"), 4), "\u{1b}[H\u{1b}[Ja\n", "its first line is at the top");
        assert_eq!(fitting("abcdef", 4), "abc…");
    }
}
