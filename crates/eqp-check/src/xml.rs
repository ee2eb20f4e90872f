//! Parses small XML files. The parser compares the attributes of a tag with each other, and hands the namespaces of an
//! element on to all inside it: what would make that slow is not parsed.

use memchr::memmem;
use roxmltree::{Document, ParsingOptions};

use crate::limits::{LONGEST_TAG, MOST_XML_NAMESPACES, MOST_XML_NODES};

/// Parses a text that [`why_not_parsed`] has nothing against.
pub(crate) fn parse(text: &str) -> Result<Document<'_>, roxmltree::Error> {
    Document::parse_with_options(text, ParsingOptions { nodes_limit: MOST_XML_NODES, ..ParsingOptions::default() })
}

/// Why a text is not parsed, if so.
pub(crate) fn why_not_parsed(text: &str) -> Option<&'static str> {
    if memmem::find_iter(text.as_bytes(), b"xmlns").take(MOST_XML_NAMESPACES + 1).count() > MOST_XML_NAMESPACES {
        return Some("declares too many namespaces to be read here");
    }
    (longest_tag(text) > LONGEST_TAG).then_some("has a tag that is too long to be read here")
}

/// The length of the longest tag; comments and CDATA are none.
fn longest_tag(text: &str) -> usize {
    let mut longest = 0;
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let tag = &rest[open..];
        let (end, is_tag) = if tag.starts_with("<!--") {
            ("-->", false)
        } else if tag.starts_with("<![CDATA[") {
            ("]]>", false)
        } else {
            (">", true)
        };
        let length = tag.find(end).map_or(tag.len(), |at| at + end.len());
        if is_tag {
            longest = longest.max(length);
        }
        rest = &tag[length..];
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_slow_is_not_parsed() {
        let attributes: Vec<_> = (0..10_000).map(|number| format!("a{number}=\"\"")).collect();
        assert!(why_not_parsed(&format!("<config {}/>", attributes.join(" "))).is_some());
        assert!(why_not_parsed(&"<a xmlns:b=\"c\">".repeat(200)).is_some());
        assert_eq!(why_not_parsed(&format!("<!--{}--><config/>", "x".repeat(100_000))), None);
        assert_eq!(longest_tag("<a b=\"c\"><![CDATA[<<<<]]></a>"), 9);
        assert!(parse(&"<a/>".repeat(100_000)).is_err());
    }
}
