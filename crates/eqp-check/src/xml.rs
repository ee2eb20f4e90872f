//! Parses small XML files. The parser compares the attributes of a tag with each other and copies namespaces to all nested elements, so
//! documents with very long tags or many namespaces are not parsed.

use memchr::memmem;
use roxmltree::{Document, ParsingOptions};

use crate::limits::{MAX_TAG_BYTES, MAX_XML_NAMESPACES, MAX_XML_NODES};

/// Parses a text. Call [`why_not_parsed`] first.
pub(crate) fn parse(text: &str) -> Result<Document<'_>, roxmltree::Error> {
    Document::parse_with_options(text, ParsingOptions { nodes_limit: MAX_XML_NODES, ..ParsingOptions::default() })
}

/// Returns why a text is not parsed, or `None` if it can be parsed.
pub(crate) fn why_not_parsed(text: &str) -> Option<&'static str> {
    if memmem::find_iter(text.as_bytes(), b"xmlns").take(MAX_XML_NAMESPACES + 1).count() > MAX_XML_NAMESPACES {
        return Some("declares too many namespaces to be checked");
    }
    (longest_tag(text) > MAX_TAG_BYTES).then_some("has a tag that is too long to be checked")
}

/// Returns the length of the longest tag. Comments and CDATA sections are not tags.
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
