//! Finds the markers TODO and FIXME in comments. The run time is linear in the size of the text, even with very long lines and many
//! markers.

use memchr::{memchr_iter, memchr2_iter};

/// The comment syntax of a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// Whether `#` begins a comment.
    has_hash: bool,
}

/// The state of a line that began in the previous chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenLine {
    /// The first character of the line that is not whitespace.
    first: u8,
    /// Whether a comment begins in the line.
    is_comment: bool,
}

impl OpenLine {
    /// Returns the state of the line that continues after a chunk. The chunk itself may begin within a line.
    pub(crate) fn after(bytes: &[u8], open_line: Option<Self>) -> Option<Self> {
        let start = memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        let open_line = open_line.filter(|_| start == 0);
        let first = || bytes[start..].iter().copied().find(|byte| !byte.is_ascii_whitespace());
        let first = open_line.map_or_else(first, |open_line| Some(open_line.first))?;
        Some(Self { first, is_comment: open_line.is_some_and(|open_line| open_line.is_comment) || opens(bytes, start) })
    }
}

/// Iterates over the lines of markers, counted from 0 at the beginning of the chunk.
pub(crate) struct TodoComments<'a> {
    todo: Line<'a>,
    fixme: Line<'a>,
    todos: memchr::Memchr2<'a>,
    fixmes: memchr::Memchr2<'a>,
}

/// A marker, with the index of a letter that is rare in texts and is used to find it.
struct Marker {
    letters: &'static [u8],
    rare: usize,
}

const TODO: Marker = Marker { letters: b"TODO", rare: 2 };
const FIXME: Marker = Marker { letters: b"FIXME", rare: 2 };

impl Language {
    /// Returns the comment syntax for files with this extension, if they are checked for markers.
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

impl<'a> TodoComments<'a> {
    /// Scans a chunk, which begins with a new line or within `open_line`.
    pub(crate) fn of(bytes: &'a [u8], language: Language, open_line: Option<OpenLine>) -> Self {
        Self {
            todo: Line::at_start(bytes, language, open_line),
            fixme: Line::at_start(bytes, language, open_line),
            todos: memchr2_iter(b'd', b'D', bytes),
            fixmes: memchr2_iter(b'x', b'X', bytes),
        }
    }
}

impl Iterator for TodoComments<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let Self { todo, fixme, todos, fixmes } = self;
        let next = |line: &mut Line<'_>, locations: &mut memchr::Memchr2<'_>, word: &Marker| {
            locations.find_map(|at| {
                let at = at.checked_sub(word.rare)?;
                // A cheap test that rules out nearly all candidates.
                if !line.bytes[at].eq_ignore_ascii_case(&word.letters[0]) {
                    return None;
                }
                line.comment_word(at, word.letters)
            })
        };
        next(todo, todos, &TODO).or_else(|| next(fixme, fixmes, &FIXME))
    }
}

/// The current line, which only moves forward.
struct Line<'a> {
    bytes: &'a [u8],
    language: Language,
    number: u32,
    /// The position up to which line feeds were counted.
    counted: usize,
    start: usize,
    /// The position of the first character that is not whitespace, if already known.
    first: Option<usize>,
    /// The position up to which the line was searched for a comment, and whether one was found.
    scanned: usize,
    is_comment: bool,
    /// The state of the line if it began in the previous chunk.
    continued: Option<OpenLine>,
}

impl<'a> Line<'a> {
    fn at_start(bytes: &'a [u8], language: Language, open_line: Option<OpenLine>) -> Self {
        let is_comment = open_line.is_some_and(|open_line| open_line.is_comment);
        Self {
            bytes,
            language,
            number: 0,
            counted: 0,
            start: 0,
            first: None,
            scanned: 0,
            is_comment,
            continued: open_line,
        }
    }

    /// Returns the line of a marker at this position, if it is a whole word in a comment.
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
        // In capitals it is certainly a marker. In lower case it may be a name, a part of a URL, or a word of another language.
        let is_upper_case = written == word;
        let is_marked = before == Some(b'@');
        let ends = after.is_none_or(|byte| byte.is_ascii_whitespace() || b":-.,!?(*".contains(&byte));
        let stands_apart = before.is_none_or(|byte| byte.is_ascii_whitespace() || b"@/*#-(".contains(&byte));
        (self.is_in_comment(at, is_upper_case || is_marked) && (is_upper_case || ends && stands_apart))
            .then_some(self.number)
    }

    /// Advances to the line of a position.
    fn advance(&mut self, at: usize) {
        for end in memchr_iter(b'\n', &self.bytes[self.counted..at]) {
            self.number = self.number.saturating_add(1);
            self.start = self.counted + end + 1;
        }
        self.counted = at;
        if self.scanned < self.start {
            (self.scanned, self.first, self.is_comment, self.continued) = (self.start, None, false, None);
        }
    }

    fn is_in_comment(&mut self, at: usize, counts_alone: bool) -> bool {
        let (bytes, start) = (self.bytes, self.start);
        if let Some(OpenLine { first, .. }) = self.continued {
            return first == b'*'
                || first == b'#' && (counts_alone || self.language.has_hash)
                || self.is_behind_mark(at);
        }
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
        self.is_behind_mark(at)
    }

    /// Returns whether a comment begins in the line before a position.
    fn is_behind_mark(&mut self, at: usize) -> bool {
        // A comment opener of two or four characters may begin before the searched part.
        let from = self.scanned.saturating_sub(3).max(self.start);
        self.is_comment = self.is_comment || opens(&self.bytes[..at], from);
        self.scanned = at;
        self.is_comment
    }
}

/// Returns whether a comment begins in these bytes at or after `from`. The slashes of a URL do not begin one.
fn opens(bytes: &[u8], mut from: usize) -> bool {
    while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memchr2(b'/', b'<', rest)).map(|at| from + at) {
        let is_url = at.checked_sub(1).is_some_and(|before| bytes[before] == b':');
        match &bytes[at..] {
            [b'/', b'*', ..] | [b'<', b'!', b'-', b'-', ..] => return true,
            [b'/', b'/', ..] if !is_url => return true,
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
        let mut lines: Vec<_> = TodoComments::of(text.as_bytes(), Language::of(extension).unwrap(), None).collect();
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
    fn a_line_that_goes_on_in_the_next_piece_is_one_line() {
        let language = Language::of("js").unwrap();
        for (pieces, found) in [
            (["a(); // b ", "c TODO"], true),
            (["/* a ", "todo: b"], true),
            (["   * a ", "fixme "], true),
            (["a('b') ", "TODO"], false),
            (["// a\nb( ", "TODO"], false),
            (["// a\n/* b ", "TODO\nTODO_ = TODO"], true),
            (["a( ", "b) // TODO\n\n"], true),
            (["# ", "todo"], false),
        ] {
            let mut open_line = None;
            let mut count = 0;
            for chunk in pieces {
                count += TodoComments::of(chunk.as_bytes(), language, open_line).count();
                open_line = OpenLine::after(chunk.as_bytes(), open_line);
            }
            assert_eq!(count, usize::from(found), "{pieces:?}");
        }
    }

    #[test]
    fn a_line_of_a_megabyte_of_words_takes_no_time() {
        let text = format!("// {}", "TODO ".repeat(200_000));
        let started = std::time::Instant::now();
        assert_eq!(lines(&text, "php").len(), 200_000);
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    }
}
