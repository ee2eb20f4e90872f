//! Finds the lines of keys in composer.json and its nesting depth, without parsing it.

use std::collections::HashMap;

/// The line of the first occurrence of each string.
#[derive(Debug)]
pub(super) struct Lines(HashMap<Box<str>, u32>);

impl Lines {
    /// Scans a JSON text.
    pub(super) fn of(source: &str) -> Self {
        let mut lines = HashMap::new();
        let mut line = 1_u32;
        let mut rest = source;
        while let Some(open) = rest.find('"') {
            line = line.saturating_add(newlines(&rest[..open]));
            let inside = &rest[open + 1..];
            let length = text_length(inside.as_bytes());
            lines.entry(inside[..length].into()).or_insert(line);
            line = line.saturating_add(newlines(&inside[..length]));
            rest = inside.get(length + 1..).unwrap_or("");
        }
        Self(lines)
    }

    /// Returns the line of a key.
    pub(super) fn of_key(&self, key: &str) -> Option<u32> {
        self.0.get(key).copied()
    }
}

/// Returns the nesting depth of a JSON text.
pub(super) fn depth(source: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let mut at = 0;
    while let Some(byte) = source.get(at) {
        match byte {
            b'{' | b'[' => open += 1,
            b'}' | b']' => open = open.saturating_sub(1),
            b'"' => at += 1 + text_length(&source[at + 1..]),
            _ => {}
        }
        deepest = deepest.max(open);
        at += 1;
    }
    deepest
}

/// Returns the length of a string from its opening to its closing quote.
fn text_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

fn newlines(text: &str) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', text.as_bytes()).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_at_its_first_occurrence() {
        let lines = Lines::of("{\n\"a\": \"x\\\"b\",\n\n\"b\": {\"a\": 1}}");
        assert_eq!((lines.of_key("a"), lines.of_key("b"), lines.of_key("c")), (Some(2), Some(4), None));
    }

    #[test]
    fn brackets_in_texts_open_nothing() {
        assert_eq!(depth(br#"{"a": "[[[\"[", "b": [[1], {}]}"#), 3);
        assert_eq!(depth(b"\"["), 0);
    }
}
