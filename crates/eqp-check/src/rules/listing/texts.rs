//! Checks the description and the release notes.

use crate::html::{Block, Outline, outline};
use crate::limits::MAX_RELEASE_NOTES_CHARS;
use crate::listing::Listing;
use crate::registry::submission::{
    DESCRIPTION_ACCOUNT, DESCRIPTION_FEATURES, DESCRIPTION_INSTALLATION, DESCRIPTION_LENGTH, DESCRIPTION_LINKS,
    DESCRIPTION_OPENING, DESCRIPTION_STYLE, RELEASE_NOTES_LENGTH, RELEASE_NOTES_MARKDOWN, RELEASE_NOTES_STYLE,
};
use crate::report::Location;
use crate::report_builder::ReportBuilder;

const MAX_DESCRIPTION_CHARS: usize = 25_989;
const MIN_FEATURES: usize = 5;
/// Texts that are part of installation instructions.
const INSTALLATION_TERMS: [&str; 5] =
    ["composer require", "setup:upgrade", "setup:di:compile", "module:enable", "app/code/"];

/// Checks the rules of this module.
pub(super) fn check(listing: &Listing, builder: &mut ReportBuilder) {
    if let Some(description) = listing.long_description.as_deref().filter(|text| !text.trim().is_empty()) {
        self::description(description, listing, builder);
    }
    let Some(notes) = listing.release_notes.as_deref() else { return };
    let location = || Location::field("release_notes");
    let letters = notes.chars().count();
    if letters > MAX_RELEASE_NOTES_CHARS {
        builder.add(&RELEASE_NOTES_LENGTH, location(), format!("they have {letters} characters"));
    }
    if outline(notes).is_styled {
        builder.add(&RELEASE_NOTES_STYLE, location(), "they use CSS or fonts");
    }
    if let Some(sign) = markdown(notes) {
        builder.add(&RELEASE_NOTES_MARKDOWN, location(), format!("they contain {sign}"));
    }
}

/// Returns what makes a text look like Markdown, or `None`. A text with HTML tags is not Markdown.
fn markdown(text: &str) -> Option<&'static str> {
    if outline(text).has_tags {
        return None;
    }
    let is_heading = |line: &str| {
        let rest = line.trim_start_matches('#');
        (1..=6).contains(&(line.len() - rest.len())) && rest.starts_with(' ')
    };
    let lines = || text.lines().map(str::trim);
    if lines().any(is_heading) {
        return Some("a Markdown heading (#)");
    }
    if lines().filter(|line| line.starts_with("- ") || line.starts_with("* ")).count() > 1 {
        return Some("a Markdown list");
    }
    if text.contains("](http") {
        return Some("a Markdown link");
    }
    let is_bold = text.split("**").skip(1).step_by(2).any(|part| !part.is_empty() && !part.starts_with(' '));
    (text.matches("**").count() > 1 && is_bold || text.contains("```")).then_some("Markdown text")
}

fn description(description: &str, listing: &Listing, builder: &mut ReportBuilder) {
    let mut add = |rule, message: String| builder.add(rule, Location::field("long_description"), message);
    let letters = description.chars().count();
    if letters > MAX_DESCRIPTION_CHARS {
        add(&DESCRIPTION_LENGTH, format!("it has {letters} characters"));
    }
    let outline = outline(description);
    if let Some(Block::Heading(_, text)) = outline.blocks.first() {
        add(&DESCRIPTION_OPENING, format!("it begins with the heading {}", text.trim()));
    }
    match features(&outline) {
        None => add(&DESCRIPTION_FEATURES, "there is no heading Features (h2 or h3)".to_owned()),
        Some(items) if items < MIN_FEATURES => {
            add(&DESCRIPTION_FEATURES, format!("the section Features has {items} list items"));
        }
        Some(_) => {}
    }
    let lower = description.to_ascii_lowercase();
    if let Some(term) = INSTALLATION_TERMS.iter().find(|term| lower.contains(**term)) {
        add(&DESCRIPTION_INSTALLATION, format!("`{term}` is an installation instruction"));
    }
    let url = outline.unlinked.split_whitespace().find(|word| word.contains("https://") || word.contains("http://"));
    if let Some(url) = url {
        add(&DESCRIPTION_LINKS, format!("{url} is not a link"));
    }
    if outline.is_styled {
        add(&DESCRIPTION_STYLE, "it uses CSS or fonts".to_owned());
    }
    let is_integration = listing
        .external_services
        .as_ref()
        .is_some_and(|services| services.items.as_ref().is_some_and(|items| !items.is_empty()));
    let has_pricing = outline
        .blocks
        .iter()
        .any(|block| matches!(block, Block::Heading(_, text) if text.to_ascii_lowercase().contains("pricing")));
    if is_integration && !has_pricing {
        add(&DESCRIPTION_ACCOUNT, "there is no heading Account and Pricing".to_owned());
    }
}

/// Returns the number of list items in the section Features.
fn features(outline: &Outline) -> Option<usize> {
    let is_features =
        |block: &Block| matches!(block, Block::Heading(2 | 3, text) if text.to_ascii_lowercase().contains("feature"));
    let at = outline.blocks.iter().position(is_features)?;
    let Some(Block::Heading(level, _)) = outline.blocks.get(at) else { return None };
    let inside = outline.blocks[at + 1..].iter();
    let inside = inside.take_while(|block| !matches!(block, Block::Heading(other, _) if other <= level));
    Some(inside.filter(|block| **block == Block::Item).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_told_from_plain_text_and_html() {
        for text in [
            "## Added\n\nBadges",
            "- one\n- two",
            "* one\n* two",
            "See [this](https://a.example)",
            "Now **fast**",
            "```\nx\n```",
        ] {
            assert!(markdown(text).is_some(), "{text}");
        }
        for text in
            ["Faster", "#1 in the store", "- one", "2 ** 3", "<p>Fixes</p>\n## 3", "<ul><li>- a</li></ul>", "a * b * c"]
        {
            assert_eq!(markdown(text), None, "{text}");
        }
    }
}
