//! Terminal width, and wrapping lines to it.

use std::os::fd::AsFd;

use rustix::termios::{isatty, tcgetwinsize};

use crate::sanitize::plain;

/// The assumed width of a terminal that does not report one.
const USUAL_WIDTH: usize = 80;
/// The assumed height of a terminal that does not report one.
const USUAL_HEIGHT: usize = 24;

/// Returns the width of the terminal behind a stream, or `None` if it is not a terminal.
pub(super) fn width_of(stream: &impl AsFd) -> Option<usize> {
    if !isatty(stream) {
        return None;
    }
    let columns = tcgetwinsize(stream).map_or(0, |size| usize::from(size.ws_col));
    Some(if columns == 0 { USUAL_WIDTH } else { columns })
}

/// Returns the number of columns and rows of the terminal behind a stream.
pub(super) fn size_of(stream: &impl AsFd) -> (usize, usize) {
    let size = tcgetwinsize(stream).map_or((0, 0), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let or_usual = |number: usize, usual| if number == 0 { usual } else { number };
    (or_usual(size.0, USUAL_WIDTH), or_usual(size.1, USUAL_HEIGHT))
}

/// Wraps lines that are wider than `width` between words, with a hanging indent. Words are never
/// broken.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    text.split('\n').map(|line| wrapped_line(line, width)).collect::<Vec<_>>().join("\n")
}

fn wrapped_line(line: &str, width: usize) -> String {
    if measure(line) <= width {
        return line.to_owned();
    }
    let indent = line.len() - line.trim_start_matches(' ').len();
    let (mut text, mut used) = (String::new(), 0);
    // Each piece is a word with the spaces before it.
    let starts =
        line.char_indices().zip(line.chars().skip(1)).filter(|((_, left), right)| *left != ' ' && *right == ' ');
    let mut pieces = Vec::new();
    let mut begin = 0;
    for ((at, letter), _) in starts {
        pieces.push(&line[begin..at + letter.len_utf8()]);
        begin = at + letter.len_utf8();
    }
    pieces.push(&line[begin..]);
    for piece in pieces {
        let wide = measure(piece);
        if used > 0 && used + wide > width {
            let word = piece.trim_start_matches(' ');
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent + 4));
            text.push_str(word);
            used = indent + 4 + measure(word);
        } else {
            text.push_str(piece);
            used += wide;
        }
    }
    text
}

/// Returns the width of a text on the screen; escape sequences have no width.
fn measure(text: &str) -> usize {
    plain(text).chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::Paint;

    #[test]
    fn lines_are_broken_between_words_and_words_never() {
        assert_eq!(wrapped("  one two  three", 10), "  one two\n      three");
        assert_eq!(wrapped("short\nalso", 10), "short\nalso");
        assert_eq!(wrapped("unbreakable-word", 4), "unbreakable-word");
        let bold = Paint(anstyle::Style::new().bold());
        let line = format!("{bold}bold{bold:#} words");
        assert_eq!(wrapped(&line, 10), line);
    }
}
