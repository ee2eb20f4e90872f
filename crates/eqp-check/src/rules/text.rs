//! What texts hold: work that is not done, secrets, blocks that keep pages out of the cache.

use memchr::memchr_iter;
use memchr::memmem::Finder;
use roxmltree::Document;

use super::secret::Secrets;
use crate::archive::{Entry, Visitor};
use crate::book::Rule;
use crate::book::code::{LAYOUT_UNCACHEABLE, SECRET_TEXT, UNFINISHED};
use crate::ledger::Ledger;
use crate::report::Place;

/// A file with a zero byte so near its start is no text.
const SHOWS_ITSELF_WITHIN: usize = 1024;
/// Files that hold code, or what is read as code.
const CODE: [&str; 13] =
    ["php", "phtml", "js", "ts", "xml", "xsd", "css", "less", "scss", "html", "htm", "graphqls", "vue"];

/// Looks through every text.
pub(crate) struct Texts {
    unfinished: [Finder<'static>; 2],
    uncacheable: Finder<'static>,
    secrets: Secrets,
}

/// What is known of a text so far.
pub(crate) struct Reading {
    is_code: bool,
    is_layout: bool,
    lines_before: u32,
    begun: bool,
    unfinished: Option<Tally>,
    secret: Option<(u32, &'static str)>,
    uncacheable: Option<u32>,
}

/// Places in one file: the first, and how many.
#[derive(Clone, Copy)]
struct Tally {
    line: u32,
    count: usize,
}

/// What was found in one text.
pub(crate) struct Found {
    rule: &'static Rule,
    line: u32,
    message: String,
}

impl Texts {
    /// Made once for an archive.
    pub(crate) fn new() -> Self {
        Self {
            unfinished: [Finder::new("TODO"), Finder::new("FIXME")],
            uncacheable: Finder::new("cacheable"),
            secrets: Secrets::new(),
        }
    }

    fn unfinished(&self, reading: &mut Reading, bytes: &[u8]) {
        for finder in &self.unfinished {
            for at in finder.find_iter(bytes) {
                if is_comment_word(bytes, at, finder.needle().len()) {
                    let line = reading.lines_before + line_in(bytes, at);
                    let tally = reading.unfinished.get_or_insert(Tally { line, count: 0 });
                    tally.line = tally.line.min(line);
                    tally.count += 1;
                }
            }
        }
    }
}

impl Visitor for Texts {
    type State = Reading;
    type Found = (usize, Vec<Found>);

    fn begin(&self, entry: &Entry) -> Option<Reading> {
        let extension = entry.extension();
        Some(Reading {
            is_code: CODE.contains(&extension.as_str()),
            is_layout: is_storefront_layout(&entry.name, &extension),
            lines_before: 0,
            begun: false,
            unfinished: None,
            secret: None,
            uncacheable: None,
        })
    }

    fn piece(&self, reading: &mut Reading, bytes: &[u8]) -> bool {
        if !reading.begun {
            reading.begun = true;
            if bytes[..bytes.len().min(SHOWS_ITSELF_WITHIN)].contains(&0) {
                return false;
            }
            // A layout is small: it is in the first piece, or it is none.
            if reading.is_layout && self.uncacheable.find(bytes).is_some() {
                reading.uncacheable = uncacheable_line(bytes);
            }
        }
        if reading.is_code {
            self.unfinished(reading, bytes);
        }
        if reading.secret.is_none() {
            let found = self.secrets.find(bytes);
            reading.secret = found.map(|(at, what)| (reading.lines_before + line_in(bytes, at), what));
        }
        reading.lines_before = reading.lines_before.saturating_add(line_in(bytes, bytes.len()) - 1);
        true
    }

    fn end(&self, entry: &Entry, reading: Reading) -> Option<Self::Found> {
        let mut found = Vec::new();
        if let Some(Tally { line, count }) = reading.unfinished {
            let message = match count {
                1 => "a comment says that something is not done".to_owned(),
                _ => format!("{count} comments say that something is not done"),
            };
            found.push(Found { rule: &UNFINISHED, line, message });
        }
        if let Some((line, what)) = reading.secret {
            found.push(Found { rule: &SECRET_TEXT, line, message: format!("it looks as if {what} stands here") });
        }
        if let Some(line) = reading.uncacheable {
            let message = "a block is cacheable=\"false\"".to_owned();
            found.push(Found { rule: &LAYOUT_UNCACHEABLE, line, message });
        }
        (!found.is_empty()).then_some((entry.index, found))
    }
}

/// Writes down what was found in one text.
pub(crate) fn record(name: &str, found: Vec<Found>, ledger: &mut Ledger) {
    for Found { rule, line, message } in found {
        ledger.find(rule, Place::File { name: name.to_owned(), line: Some(line) }, message);
    }
}

fn is_storefront_layout(name: &str, extension: &str) -> bool {
    extension == "xml" && name.contains("/layout/") && !name.contains("/adminhtml/")
        || extension == "xml" && name.starts_with("layout/")
}

/// The line of a place, counted from 1 at the start of the bytes.
fn line_in(bytes: &[u8], at: usize) -> u32 {
    u32::try_from(memchr_iter(b'\n', &bytes[..at]).count()).unwrap_or(u32::MAX - 1).saturating_add(1)
}

/// Whether a word stands by itself, and in a comment as far as its line shows.
fn is_comment_word(bytes: &[u8], at: usize, length: usize) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    if is_word(at.checked_sub(1).and_then(|before| bytes.get(before))) || is_word(bytes.get(at + length)) {
        return false;
    }
    let start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |newline| newline + 1);
    let before = bytes[start..at].trim_ascii_start();
    let opens = |mark: &[u8]| before.windows(mark.len()).any(|window| window == mark);
    before.is_empty()
        || before.starts_with(b"*")
        || before.starts_with(b"#")
        || opens(b"//")
        || opens(b"/*")
        || opens(b"<!--")
}

/// The line of the first block that is not cacheable; comments do not count.
fn uncacheable_line(bytes: &[u8]) -> Option<u32> {
    let document = Document::parse(std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}')).ok()?;
    let block = document.descendants().find(|node| node.attribute("cacheable") == Some("false"))?;
    Some(document.text_pos_at(block.range().start).row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_where_a_comment_is() {
        let counts = |line: &str| {
            let at = line.find("TODO").unwrap();
            is_comment_word(line.as_bytes(), at, 4)
        };
        for line in [
            "// TODO: x",
            "  * TODO",
            "# TODO",
            "/* TODO */",
            "<!-- TODO -->",
            "$a = 1; // TODO",
            "TODO mend this",
            "*TODO*",
        ] {
            assert!(counts(line), "{line}");
        }
        for line in ["$TODO", "'TODO list'", "const STATUS = 'TODO';", "// TODOS", "// MYTODO", "<label>TODO</label>"] {
            assert!(!counts(line), "{line}");
        }
    }

    #[test]
    fn a_block_counts_and_a_comment_about_one_does_not() {
        let layout = |inside: &str| uncacheable_line(format!("<page>\n<body>{inside}</body></page>").as_bytes());
        assert_eq!(layout("\n<block name=\"a\" cacheable='false'/>"), Some(3));
        assert_eq!(layout("<!-- <block cacheable=\"false\"/> -->"), None);
        assert_eq!(layout("<block cacheable=\"true\"/>"), None);
    }
}
