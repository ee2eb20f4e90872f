//! Finds the section of a version in a changelog. Pure.

use std::fmt::Write as _;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::release::is_same;

/// The maximum number of versions in an error.
const MAX_VERSIONS: usize = 5;

/// A heading of a changelog.
struct Heading {
    level: HeadingLevel,
    text: String,
    /// The positions of the heading.
    start: usize,
    end: usize,
}

/// Returns the text below the heading of a version, up to the next heading of the same or a higher level. The definitions of links from
/// the whole changelog are added. The error is the reason why the section does not exist.
pub(super) fn section(changelog: &str, version: &str) -> Result<String, String> {
    let (headings, definitions) = outline(changelog);
    let Some(at) = headings.iter().position(|heading| is_of(&heading.text, version)) else {
        let known: Vec<_> =
            headings.iter().filter_map(|heading| version_in(&heading.text)).take(MAX_VERSIONS).collect();
        return Err(if known.is_empty() {
            "it has no heading with a version".to_owned()
        } else {
            format!("it has no section for this version, only for {}", known.join(", "))
        });
    };
    let heading = &headings[at];
    let next = headings[at + 1..].iter().find(|other| other.level <= heading.level);
    let body = changelog[heading.end..next.map_or(changelog.len(), |next| next.start)].trim();
    let content = Parser::new_ext(body, Options::empty()).next();
    if content.is_none() {
        return Err("its section for this version is empty".to_owned());
    }
    Ok(format!("{body}\n\n{definitions}"))
}

/// Returns the headings, and the definitions of links.
fn outline(changelog: &str) -> (Vec<Heading>, String) {
    let mut headings = Vec::new();
    let mut open: Option<Heading> = None;
    let parser = Parser::new_ext(changelog, Options::empty());
    let mut definitions = String::new();
    for (name, definition) in parser.reference_definitions().iter() {
        // Writing to a `String` cannot fail.
        let _ = writeln!(definitions, "[{name}]: <{}>", definition.dest);
    }
    for (event, range) in parser.into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                open = Some(Heading { level, text: String::new(), start: range.start, end: range.end });
            }
            Event::End(TagEnd::Heading(_)) => headings.extend(open.take()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut open {
                    heading.text.push_str(&text);
                }
            }
            _ => {}
        }
    }
    (headings, definitions)
}

/// Returns whether a heading is that of a version.
fn is_of(heading: &str, version: &str) -> bool {
    version_in(heading).is_some_and(|own| is_same(own, version))
}

/// Returns the version in a heading such as `[1.5.0] - 2026-11-01`, `v1.5.0 (2026-11-01)` or `Version 1.5.0`: the first word that begins
/// like a version, unless it is a date.
fn version_in(heading: &str) -> Option<&str> {
    let words = heading.split(|letter: char| letter.is_whitespace() || "[](),:".contains(letter));
    words.take(2 + 1).find(|word| {
        let numbers = word.strip_prefix(['v', 'V']).unwrap_or(word);
        numbers.starts_with(|letter: char| letter.is_ascii_digit()) && numbers.contains('.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\nThe format follows [Keep a Changelog].\n\n## [Unreleased]\n\n- later\n\n\
        ## [1.5.0] - 2026-11-01\n\n### Added\n\n- [Badges] in the cart\n\n```\n## [1.4.0] in code\n```\n\n### Fixed\n\n- x\n\n\
        ## [1.4.1]\n\n## v1.4.0 (2026-10-01)\n\n- older\n\nVersion 1.3.0\n-------\n\nOldest\n\n\
        [Badges]: https://acme.example/badges\n[Unreleased]: https://a.example/1.5.0...HEAD\n[1.5.0]: https://a.example/1.5.0\n\
        [1.4.1]: https://a.example/1.4.1\n[Keep a Changelog]: https://keepachangelog.com\n";

    #[test]
    fn a_section_ends_before_the_next_version() {
        let found = section(CHANGELOG, "1.5.0").unwrap();
        assert!(found.starts_with("### Added") && found.contains("- x") && found.contains("in code"), "{found}");
        assert!(!found.contains("older") && !found.contains("later"), "{found}");
        assert!(
            found.contains("[badges]: <https://acme.example/badges>") || found.contains("[Badges]: <https"),
            "{found}"
        );
        assert!(section(CHANGELOG, "v1.4.0").unwrap().starts_with("- older"));
        assert!(section(CHANGELOG, "1.3.0").unwrap().starts_with("Oldest"));
    }

    #[test]
    fn a_missing_or_empty_section_is_an_error_that_names_the_others() {
        let error = section(CHANGELOG, "1.6.0").unwrap_err();
        assert_eq!(error, "it has no section for this version, only for 1.5.0, 1.4.1, v1.4.0, 1.3.0");
        assert_eq!(section(CHANGELOG, "1.4.1").unwrap_err(), "its section for this version is empty");
        assert_eq!(section("# Notes\n\ntext", "1.0.0").unwrap_err(), "it has no heading with a version");
        assert!(section(CHANGELOG, "1.5").is_err() && section(CHANGELOG, "2026.11").is_err());
    }
}
