//! The title.

use crate::book::listing::{TITLE_AND, TITLE_FORM, TITLE_LENGTH, TITLE_VENDOR, TITLE_WORDS};
use crate::composer::Composer;
use crate::ledger::Ledger;
use crate::listing::Listing;
use crate::report::Place;

const MOST_WORDS: usize = 5;
const UNWANTED: [&str; 7] = ["magento", "magento2", "m2", "adobe", "extension", "module", "plugin"];

/// The rules.
pub(super) fn check(listing: &Listing, composer: Option<&Composer>, ledger: &mut Ledger) {
    let Some(title) = listing.name.as_deref() else { return };
    let words: Vec<&str> = title.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).collect();
    let mut find = |rule, message: String| ledger.find(rule, Place::field("name"), message);
    if words.len() > MOST_WORDS {
        find(&TITLE_LENGTH, format!("it has {} words", words.len()));
    }
    let plain = |word: &str| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_ascii_lowercase();
    if let Some(word) = words.iter().find(|word| UNWANTED.contains(&plain(word).as_str())) {
        find(&TITLE_WORDS, format!("it has the word {word}"));
    }
    if words.iter().any(|word| plain(word) == "and") {
        find(&TITLE_AND, "it has the word and".to_owned());
    }
    if let Some(message) = names_vendor(&words, listing, composer, plain) {
        find(&TITLE_VENDOR, message);
    }
    if let Some(message) = form(title, &words) {
        find(&TITLE_FORM, message);
    }
}

fn names_vendor(
    words: &[&str],
    listing: &Listing,
    composer: Option<&Composer>,
    plain: impl Fn(&str) -> String,
) -> Option<String> {
    let package = composer.and_then(|composer| composer.text("name")).or(listing.sku.as_deref());
    let vendor = package.and_then(|package| package.split_once('/')).map(|(vendor, _)| vendor.to_ascii_lowercase());
    if let Some(vendor) = vendor.filter(|vendor| words.iter().any(|word| plain(word) == *vendor)) {
        return Some(format!("it names the vendor {vendor}"));
    }
    let version = composer.and_then(|composer| composer.text("version")).or(listing.version.as_deref())?;
    let is_version = |word: &&&str| word.trim_start_matches(['v', 'V', '(']).trim_end_matches(')') == version;
    words.iter().find(is_version).map(|word| format!("it names the version {word}"))
}

fn form(title: &str, words: &[&str]) -> Option<String> {
    if title.contains('_') {
        return Some("words are joined by _".to_owned());
    }
    let letters = || title.chars().filter(|letter| letter.is_alphabetic());
    // One word, such as PDF, may be a name.
    if words.len() > 1 && letters().all(char::is_uppercase) {
        return Some("it is all capitals".to_owned());
    }
    let is_small = |word: &&&str| word.chars().next().is_some_and(char::is_lowercase);
    // Names such as eBay and iPhone begin small and go on large.
    let is_name = |word: &&&str| word.chars().any(char::is_uppercase);
    words.iter().find(|word| is_small(word) && !is_name(word)).map(|word| format!("{word} begins small"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_of_the_guide_and_of_brands_are_fine() {
        for title in [
            "Mass Order Export",
            "Order & Save",
            "Two-Factor",
            "Import / Export",
            "eBay Connector",
            "InstantSearch+",
            "PDF",
        ] {
            assert_eq!(
                form(
                    title,
                    &title.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)).collect::<Vec<_>>()
                ),
                None,
                "{title}"
            );
        }
        for title in ["Mass order export", "MASS ORDER", "Mass_Order"] {
            assert!(form(title, &title.split_whitespace().collect::<Vec<_>>()).is_some(), "{title}");
        }
    }
}
