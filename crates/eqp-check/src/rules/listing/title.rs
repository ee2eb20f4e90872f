//! Checks the title.

use eqp_types::Sku;

use crate::composer::Composer;
use crate::listing::Listing;
use crate::registry::submission::{TITLE_AND, TITLE_FORM, TITLE_LENGTH, TITLE_VENDOR, TITLE_WORDS};
use crate::report::Location;
use crate::report_builder::ReportBuilder;

const MAX_WORDS: usize = 5;
const UNWANTED: [&str; 7] = ["magento", "magento2", "m2", "adobe", "extension", "module", "plugin"];

/// Checks the rules of this module.
pub(super) fn check(listing: &Listing, composer: Option<&Composer>, builder: &mut ReportBuilder) {
    let Some(title) = listing.name.as_deref() else { return };
    let words: Vec<&str> = title.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).collect();
    let mut add = |rule, message: String| builder.add(rule, Location::field("name"), message);
    if words.len() > MAX_WORDS {
        add(&TITLE_LENGTH, format!("it has {} words", words.len()));
    }
    let plain = |word: &str| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_ascii_lowercase();
    if let Some(word) = words.iter().find(|word| UNWANTED.contains(&plain(word).as_str())) {
        add(&TITLE_WORDS, format!("it contains the word {word}"));
    }
    if words.iter().any(|word| plain(word) == "and") {
        add(&TITLE_AND, "it contains the word and".to_owned());
    }
    if let Some(message) = names_vendor(&words, listing, composer, plain) {
        add(&TITLE_VENDOR, message);
    }
    if let Some(message) = form(title, &words) {
        add(&TITLE_FORM, message);
    }
}

fn names_vendor(
    words: &[&str],
    listing: &Listing,
    composer: Option<&Composer>,
    plain: impl Fn(&str) -> String,
) -> Option<String> {
    let package = composer.and_then(|composer| composer.text("name")).or(listing.sku.as_ref().map(Sku::as_str));
    let vendor = package.and_then(|package| package.split_once('/')).map(|(vendor, _)| vendor.to_ascii_lowercase());
    if let Some(vendor) = vendor.filter(|vendor| words.iter().any(|word| plain(word) == *vendor)) {
        return Some(format!("it contains the vendor {vendor}"));
    }
    let version = composer.and_then(|composer| composer.text("version")).or(listing.version.as_deref())?;
    let is_version = |word: &&&str| word.trim_start_matches(['v', 'V', '(']).trim_end_matches(')') == version;
    words.iter().find(is_version).map(|word| format!("it contains the version {word}"))
}

fn form(title: &str, words: &[&str]) -> Option<String> {
    if title.contains('_') {
        return Some("words are joined by _".to_owned());
    }
    let letters = || title.chars().filter(|letter| letter.is_alphabetic());
    // A single word, such as PDF, may be a name.
    if words.len() > 1 && letters().all(char::is_uppercase) {
        return Some("it is all in capitals".to_owned());
    }
    let is_lower_case = |word: &&&str| word.chars().next().is_some_and(char::is_lowercase);
    // Names such as eBay and iPhone contain capitals after the first letter.
    let is_name = |word: &&&str| word.chars().any(char::is_uppercase);
    words
        .iter()
        .find(|word| is_lower_case(word) && !is_name(word))
        .map(|word| format!("{word} begins with a lower-case letter"))
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
