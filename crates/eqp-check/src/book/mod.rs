//! The rule book: every rule as data. What a rule looks for is in `rules/`; here is what it says, who says so, and what
//! to do about it.
//!
//! A rule blocks only where the store is known to refuse: a check that fails what the store passes is worse than none.

#[macro_use]
mod chapter;

pub(crate) mod archive;
pub(crate) mod code;
pub(crate) mod component;
pub(crate) mod composer;
pub(crate) mod listing;
pub(crate) mod store;
pub(crate) mod submit;

use std::fmt;

use serde::Serialize;

/// One rule of the store, or of our own safety.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name, for ever: manifests and reports refer to it.
    pub id: &'static str,
    /// What happens to a submission that breaks it.
    pub tier: Tier,
    /// Who says so.
    pub source: Source,
    /// The file or the field that it looks at.
    pub looks_at: &'static str,
    /// What it says.
    pub says: &'static str,
    /// What to do where it is broken.
    pub remedy: &'static str,
    /// What has to be there for it to run.
    #[serde(skip)]
    pub(crate) needs: Needs,
}

/// What happens to a submission that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// The store refuses it.
    Blocks,
    /// The store may object.
    Warns,
    /// Only the store can tell: never run here, and never counted as passed.
    CannotKnow,
}

/// Who says what a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The documentation of the Marketplace's API.
    ApiDocumentation,
    /// The store's guide for sellers: guidelines of both reviews, content, images, pricing.
    SellersGuide,
    /// The package validator script that the store publishes.
    ValidatorScript,
    /// The documentation of how components are made for Adobe Commerce.
    ComponentDocumentation,
    /// What submissions were refused for, though nobody wrote it down.
    Practice,
    /// Nobody but us: what no archive should hold.
    OwnSafety,
}

/// What has to be there for a rule to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Needs {
    /// The file alone.
    File,
    /// The archive's directory.
    Archive,
    /// Every file in the archive, unpacked.
    Contents,
    /// A composer.json that can be read.
    Composer,
    /// A manifest.
    Listing,
    /// A manifest, and a submission for technical review.
    Technical,
    /// A manifest, and a submission for marketing review.
    Marketing,
    /// A run of phpcs.
    CodeSniffer,
    /// A run of the semantic version check.
    SemanticVersion,
    /// Nothing that could be had here.
    Store,
}

/// The rules that belong together.
#[derive(Debug)]
pub struct Chapter {
    /// What they are about.
    pub title: &'static str,
    /// The rules, in the order of the book.
    pub rules: &'static [&'static Rule],
}

/// The book.
pub fn chapters() -> [&'static Chapter; 7] {
    [
        &archive::CHAPTER,
        &composer::CHAPTER,
        &component::CHAPTER,
        &code::CHAPTER,
        &listing::CHAPTER,
        &submit::CHAPTER,
        &store::CHAPTER,
    ]
}

/// Every rule, in the order of the book.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    chapters().into_iter().flat_map(|chapter| chapter.rules.iter().copied())
}

/// The rule with this name.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

impl Tier {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Warns => "warns",
            Self::CannotKnow => "cannot-know",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Source {
    /// The words for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiDocumentation => "API documentation",
            Self::SellersGuide => "sellers' guide",
            Self::ValidatorScript => "validator script",
            Self::ComponentDocumentation => "component documentation",
            Self::Practice => "practice",
            Self::OwnSafety => "our own safety",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_in_kebab_case_and_stands_for_one_rule() {
        let mut seen = BTreeSet::new();
        for rule in rules() {
            assert!(seen.insert(rule.id), "{} is there twice", rule.id);
            assert!(
                rule.id
                    .split('-')
                    .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn every_rule_says_what_and_what_to_do() {
        for rule in rules() {
            for text in [rule.says, rule.remedy] {
                assert!(text.ends_with('.'), "{}: {text}", rule.id);
            }
            assert!(!rule.looks_at.is_empty(), "{}", rule.id);
        }
    }

    #[test]
    fn what_cannot_be_known_needs_the_store() {
        for rule in rules() {
            assert_eq!(rule.tier == Tier::CannotKnow, rule.needs == Needs::Store, "{}", rule.id);
        }
    }
}
