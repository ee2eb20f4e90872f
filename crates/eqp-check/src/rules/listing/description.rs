//! Description and release notes.

use crate::book::listing::{
    DESCRIPTION_ACCOUNT, DESCRIPTION_FEATURES, DESCRIPTION_INSTALLATION, DESCRIPTION_LENGTH, DESCRIPTION_LINKS,
    DESCRIPTION_OPENING, DESCRIPTION_STYLE, RELEASE_NOTES_LENGTH, RELEASE_NOTES_STYLE,
};
use crate::html::{Block, Outline, outline};
use crate::ledger::Ledger;
use crate::listing::Listing;
use crate::report::Place;

const LONGEST_DESCRIPTION: usize = 25_989;
const LONGEST_RELEASE_NOTES: usize = 10_000;
const LEAST_FEATURES: usize = 5;
/// What is written where it is told how to install.
const INSTALLING: [&str; 5] = ["composer require", "setup:upgrade", "setup:di:compile", "module:enable", "app/code/"];

/// The rules.
pub(super) fn check(listing: &Listing, ledger: &mut Ledger) {
    if let Some(description) = listing.long_description.as_deref().filter(|text| !text.trim().is_empty()) {
        self::description(description, listing, ledger);
    }
    let Some(notes) = listing.release_notes.as_deref() else { return };
    let place = || Place::field("release_notes");
    let letters = notes.chars().count();
    if letters > LONGEST_RELEASE_NOTES {
        ledger.find(&RELEASE_NOTES_LENGTH, place(), format!("they have {letters} characters"));
    }
    if outline(notes).is_styled {
        ledger.find(&RELEASE_NOTES_STYLE, place(), "they have CSS or fonts of their own");
    }
}

fn description(description: &str, listing: &Listing, ledger: &mut Ledger) {
    let mut find = |rule, message: String| ledger.find(rule, Place::field("long_description"), message);
    let letters = description.chars().count();
    if letters > LONGEST_DESCRIPTION {
        find(&DESCRIPTION_LENGTH, format!("it has {letters} characters"));
    }
    let outline = outline(description);
    if let Some(Block::Heading(_, text)) = outline.blocks.first() {
        find(&DESCRIPTION_OPENING, format!("it opens with the heading {}", text.trim()));
    }
    match features(&outline) {
        None => find(&DESCRIPTION_FEATURES, "there is no heading Features (h2 or h3)".to_owned()),
        Some(items) if items < LEAST_FEATURES => {
            find(&DESCRIPTION_FEATURES, format!("Features has {items} bullets"));
        }
        Some(_) => {}
    }
    let lower = description.to_ascii_lowercase();
    if let Some(sign) = INSTALLING.iter().find(|sign| lower.contains(**sign)) {
        find(&DESCRIPTION_INSTALLATION, format!("`{sign}` is part of an installation"));
    }
    let url = outline.unlinked.split_whitespace().find(|word| word.contains("https://") || word.contains("http://"));
    if let Some(url) = url {
        find(&DESCRIPTION_LINKS, format!("{url} is no link"));
    }
    if outline.is_styled {
        find(&DESCRIPTION_STYLE, "it has CSS or fonts of its own".to_owned());
    }
    let is_integration = listing.external_services.as_ref().is_some_and(|services| !services.items.is_empty());
    let tells_price = outline
        .blocks
        .iter()
        .any(|block| matches!(block, Block::Heading(_, text) if text.to_ascii_lowercase().contains("pricing")));
    if is_integration && !tells_price {
        find(&DESCRIPTION_ACCOUNT, "there is no heading Account and Pricing".to_owned());
    }
}

/// The bullets between the heading Features and the next one.
fn features(outline: &Outline) -> Option<usize> {
    let is_features =
        |block: &Block| matches!(block, Block::Heading(2 | 3, text) if text.to_ascii_lowercase().contains("feature"));
    let at = outline.blocks.iter().position(is_features)?;
    let Some(Block::Heading(level, _)) = outline.blocks.get(at) else { return None };
    let inside = outline.blocks[at + 1..].iter();
    let inside = inside.take_while(|block| !matches!(block, Block::Heading(other, _) if other <= level));
    Some(inside.filter(|block| **block == Block::Item).count())
}
