//! Words in comments that say that something is not done: TODO, FIXME. One pass over a piece of a text, however long its
//! lines are and however many words are in them.

use memchr::{memchr_iter, memchr2_iter};

/// How comments are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// `#` begins a comment.
    has_hash: bool,
}

/// Where words that say that something is not done stand: the lines, counted from 0 at the start of the piece.
pub(crate) struct Words<'a> {
    todo: Line<'a>,
    fixme: Line<'a>,
    todos: memchr::Memchr2<'a>,
    fixmes: memchr::Memchr2<'a>,
}

/// A word with the place of a letter in it that is rare in texts, by which it is looked for.
struct Word {
    letters: &'static [u8],
    rare: usize,
}

const TODO: Word = Word { letters: b"TODO", rare: 2 };
const FIXME: Word = Word { letters: b"FIXME", rare: 2 };

impl Language {
    /// The language of files with this extension, if they hold code or what is read as code.
    pub(crate) fn of(extension: &str) -> Option<Self> {
        match extension {
            "php" | "phtml" | "graphqls" => Some(Self { has_hash: true }),
            "js" | "ts" | "xml" | "xsd" | "css" | "less" | "scss" | "html" | "htm" | "vue" => {
                Some(Self { has_hash: false })
            }
            _ => None,
        }
    }
}

impl<'a> Words<'a> {
    /// Looks through a piece that begins with a line.
    pub(crate) fn of(bytes: &'a [u8], language: Language) -> Self {
        Self {
            todo: Line::at_start(bytes, language),
            fixme: Line::at_start(bytes, language),
            todos: memchr2_iter(b'd', b'D', bytes),
            fixmes: memchr2_iter(b'x', b'X', bytes),
        }
    }
}

impl Iterator for Words<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let Self { todo, fixme, todos, fixmes } = self;
        let next = |line: &mut Line<'_>, places: &mut memchr::Memchr2<'_>, word: &Word| {
            places.find_map(|at| {
                let at = at.checked_sub(word.rare)?;
                // Cheap, and false for nearly all of them.
                if !line.bytes[at].eq_ignore_ascii_case(&word.letters[0]) {
                    return None;
                }
                line.comment_word(at, word.letters)
            })
        };
        next(todo, todos, &TODO).or_else(|| next(fixme, fixmes, &FIXME))
    }
}

/// The line that is looked at, which only ever moves on.
struct Line<'a> {
    bytes: &'a [u8],
    language: Language,
    number: u32,
    /// Up to where line ends were counted.
    counted: usize,
    start: usize,
    /// Where the first letter of the line is, once that was looked for.
    first: Option<usize>,
    /// Up to where a comment was looked for, and whether one begins before that.
    scanned: usize,
    is_comment: bool,
}

impl<'a> Line<'a> {
    fn at_start(bytes: &'a [u8], language: Language) -> Self {
        Self { bytes, language, number: 0, counted: 0, start: 0, first: None, scanned: 0, is_comment: false }
    }

    /// The line of a word, if it begins here, stands by itself, and is in a comment as far as its line shows.
    fn comment_word(&mut self, at: usize, word: &[u8]) -> Option<u32> {
        let written = self.bytes.get(at..at + word.len())?;
        if !written.eq_ignore_ascii_case(word) {
            return None;
        }
        let before = at.checked_sub(1).map(|before| self.bytes[before]);
        let after = self.bytes.get(at + word.len()).copied();
        let is_part = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_part(before) || is_part(after) {
            return None;
        }
        self.advance(at);
        // In capitals it is nothing else; as `todo` it may be a name, a part of an address, or a word of another language.
        let is_loud = written == word;
        let is_marked = before == Some(b'@');
        let ends = after.is_none_or(|byte| byte.is_ascii_whitespace() || b":-.,!?(*".contains(&byte));
        let stands_apart = before.is_none_or(|byte| byte.is_ascii_whitespace() || b"@/*#-(".contains(&byte));
        (self.is_in_comment(at, is_loud || is_marked) && (is_loud || ends && stands_apart)).then_some(self.number)
    }

    /// Moves on to the line of a place.
    fn advance(&mut self, at: usize) {
        for end in memchr_iter(b'\n', &self.bytes[self.counted..at]) {
            self.number = self.number.saturating_add(1);
            self.start = self.counted + end + 1;
        }
        self.counted = at;
        if self.scanned < self.start {
            (self.scanned, self.first, self.is_comment) = (self.start, None, false);
        }
    }

    fn is_in_comment(&mut self, at: usize, counts_alone: bool) -> bool {
        let (bytes, start) = (self.bytes, self.start);
        let first = *self.first.get_or_insert_with(|| {
            bytes[start..]
                .iter()
                .position(|byte| !byte.is_ascii_whitespace())
                .map_or(bytes.len(), |first| start + first)
        });
        if first >= at {
            return counts_alone;
        }
        match bytes[first] {
            b'*' => return true,
            b'@' if first + 1 == at => return counts_alone,
            b'#' if counts_alone || self.language.has_hash => return true,
            _ => {}
        }
        // A mark of two or four letters may have begun before.
        let from = self.scanned.saturating_sub(3).max(start);
        self.is_comment = self.is_comment || opens(&bytes[..at], from);
        self.scanned = at;
        self.is_comment
    }
}

/// Whether a comment begins in these bytes, not before `from`. The slashes of an address begin none.
fn opens(bytes: &[u8], mut from: usize) -> bool {
    while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memchr2(b'/', b'<', rest)).map(|at| from + at) {
        let is_address = at.checked_sub(1).is_some_and(|before| bytes[before] == b':');
        match &bytes[at..] {
            [b'/', b'*', ..] | [b'<', b'!', b'-', b'-', ..] => return true,
            [b'/', b'/', ..] if !is_address => return true,
            [b'/', b'/', ..] => from = at + 2,
            _ => from = at + 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, extension: &str) -> Vec<u32> {
        let mut lines: Vec<_> = Words::of(text.as_bytes(), Language::of(extension).unwrap()).collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn words_in_comments_are_found_in_any_letter_case() {
        for (text, extension) in [
            ("// TODO", "php"),
            ("    /** @todo later */", "php"),
            ("     * @todo: later", "js"),
            ("$a = 1; // fixme", "php"),
            ("# todo: x", "php"),
            ("<!-- Todo -->", "xml"),
            ("/* FixMe: x */", "css"),
            ("TODO: x", "html"),
            ("*TODO*", "php"),
            ("$a = 1; // TODO", "php"),
            ("$url = 'https://a.example'; // todo x", "php"),
        ] {
            assert_eq!(lines(text, extension), [0], "{text}");
        }
    }

    #[test]
    fn other_words_are_not() {
        for (text, extension) in [
            ("$todo = 1;", "php"),
            ("const TODO_LIST = 'todo';", "php"),
            ("$TODO", "php"),
            ("const STATUS = 'TODO';", "php"),
            ("// TODOS", "php"),
            ("// MYTODO", "php"),
            ("<label>TODO</label>", "html"),
            ("todo: function () {},", "js"),
            ("#todo { color: red }", "css"),
            ("$a = 'https://a.example/todo/x';", "php"),
            ("// todos los", "php"),
            ("src=\"//cdn.example/todo/x.js\"", "html"),
            ("<a>todo</a>", "xml"),
        ] {
            assert_eq!(lines(text, extension), [0; 0], "{text}");
        }
    }

    #[test]
    fn each_word_has_its_line() {
        let text = "<?php\n\n// TODO a\n$b;\n// fixme b, todo c\n";
        assert_eq!(lines(text, "php"), [2, 4, 4]);
    }

    #[test]
    fn a_line_of_a_megabyte_of_words_takes_no_time() {
        let text = format!("// {}", "TODO ".repeat(200_000));
        let begun = std::time::Instant::now();
        assert_eq!(lines(&text, "php").len(), 200_000);
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
