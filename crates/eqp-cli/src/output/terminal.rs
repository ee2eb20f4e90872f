//! How wide the terminal is, and lines that keep to that.

use std::os::fd::AsFd;

use rustix::termios::{isatty, tcgetwinsize};

use super::screen::plain;

/// What a terminal is taken for that does not say how wide it is.
const USUAL_WIDTH: usize = 80;

/// The width of the terminal behind a stream; none where there is no terminal.
pub(super) fn width_of(stream: &impl AsFd) -> Option<usize> {
    if !isatty(stream) {
        return None;
    }
    let columns = tcgetwinsize(stream).map_or(0, |size| usize::from(size.ws_col));
    Some(if columns == 0 { USUAL_WIDTH } else { columns })
}

/// Breaks lines between words where they are wider than `width`; what follows is indented a little more. Words are never
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

/// How wide a text is on the screen: colours take no room.
fn measure(text: &str) -> usize {
    plain(text).chars().count()
}

#[cfg(test)]
mod tests {
    use super::super::screen::Paint;
    use super::*;

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
