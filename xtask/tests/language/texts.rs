//! Extracts the texts that people read from a file: documentation comments and string literals of Rust, and Markdown.

use std::ops::Range;

/// A run of text, with the line of each of its characters.
pub(crate) struct Text {
    pub(crate) content: String,
    /// The byte at which each line begins, with the number of the line in the file.
    lines: Vec<(usize, usize)>,
}

impl Text {
    fn new() -> Self {
        Self { content: String::new(), lines: Vec::new() }
    }

    fn push(&mut self, line: usize, text: &str) {
        if !self.content.is_empty() {
            self.content.push(' ');
        }
        self.lines.push((self.content.len(), line));
        self.content.push_str(text.trim());
    }

    /// Returns the line of the file that contains this byte.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.lines.iter().rev().find(|(begin, _)| *begin <= at).map_or(0, |(_, line)| *line)
    }
}

/// Returns the documentation comments and the string literals of a Rust file, without its unit tests.
pub(crate) fn of_rust(source: &str) -> Vec<Text> {
    let source = source.split("#[cfg(test)]\nmod tests").next().expect("a split has a first part");
    let mut texts = documentation(source);
    texts.extend(literals(source));
    texts
}

fn documentation(source: &str) -> Vec<Text> {
    let lines = source.lines().map(|line| {
        let line = line.trim_start();
        line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
    });
    paragraphs(lines)
}

/// Returns the paragraphs of a Markdown file.
pub(crate) fn of_markdown(source: &str) -> Vec<Text> {
    paragraphs(source.lines().map(Some))
}

/// Joins the lines of each paragraph. `None` is a line that does not belong to the text; code blocks and inline code
/// are omitted.
fn paragraphs<'a>(lines: impl Iterator<Item = Option<&'a str>>) -> Vec<Text> {
    let (mut texts, mut text, mut in_code) = (Vec::new(), Text::new(), false);
    for (number, line) in lines.enumerate() {
        let line = line.map(str::trim);
        let is_fence = line.is_some_and(|line| line.starts_with("```"));
        in_code = line.is_some() && in_code != is_fence;
        let starts_paragraph = line.is_none_or(|line| {
            let is_item = line.starts_with(['#', '|', '-', '*']);
            is_item || line.is_empty() || is_fence
        });
        if starts_paragraph && !text.content.is_empty() {
            texts.push(std::mem::replace(&mut text, Text::new()));
        }
        if let Some(line) = line.filter(|line| !in_code && !is_fence && !line.is_empty()) {
            text.push(number + 1, &without_code(line));
        }
    }
    texts.push(text);
    texts
}

/// Replaces code between backticks, so that it is not read as a part of the sentence.
fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    parts.map(|(number, part)| if number % 2 == 0 { part } else { "\u{2423}" }).collect()
}

/// Returns the string literals that contain more than one word.
fn literals(source: &str) -> Vec<Text> {
    let mut texts = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(skipped) = next_literal(&source[at..]) {
        line += source[at..at + skipped.start].matches('\n').count();
        let literal = &source[at + skipped.start..at + skipped.end];
        if literal.contains(' ') {
            let mut text = Text::new();
            for (number, part) in literal.split('\n').enumerate() {
                text.push(line + number, &without_code(part.trim_end_matches('\\')));
            }
            texts.push(text);
        }
        line += literal.matches('\n').count();
        at += skipped.end;
        // The closing quote, so that it does not open the next literal.
        at += source[at..].find('"').map_or(0, |quote| quote + 1);
    }
    texts
}

/// Returns where the content of the next string literal is. Comments are skipped, and so are quotes in character
/// literals.
fn next_literal(source: &str) -> Option<Range<usize>> {
    let bytes = source.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => at += source[at..].find('\n').unwrap_or(bytes.len() - at),
            b'\'' if bytes[at..].starts_with(b"'\"'") => at += 3,
            b'\'' if bytes[at..].starts_with(b"'\\") => at += 4,
            b'"' => {
                let hashes = source[..at].bytes().rev().take_while(|byte| *byte == b'#').count();
                let is_raw = source[..at - hashes].ends_with('r');
                let begin = at + 1;
                let end = if is_raw {
                    let close = format!("\"{}", "#".repeat(hashes));
                    begin + source[begin..].find(&close)?
                } else {
                    begin + end_of_literal(&source[begin..])?
                };
                return Some(begin..end);
            }
            _ => at += 1,
        }
    }
    None
}

/// Returns where the first quote is that is not escaped.
fn end_of_literal(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}
