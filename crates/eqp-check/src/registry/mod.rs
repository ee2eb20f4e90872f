//! The rule registry: every rule as data, with its description, its source and its remedy. The checks themselves are in
//! `rules/`.
//!
//! A rule is blocking only if the store is known to reject violations, so that the check does not fail packages that the store accepts.

/// `NAME = "id", Severity by Source, needs Requirement, at "where"; "The description."; "The remedy.";`
macro_rules! category {
    ($category:ident = $title:literal; $(
        $name:ident = $id:literal, $severity:ident by $source:ident, needs $needs:ident, at $applies_to:literal;
        $description:literal;
        $remedy:literal;
    )*) => {
        $(pub(crate) static $name: $crate::registry::Rule = $crate::registry::Rule {
            id: $id,
            severity: $crate::registry::Severity::$severity,
            source: $crate::registry::Source::$source,
            needs: $crate::registry::Requirement::$needs,
            applies_to: $applies_to,
            description: $description,
            remedy: $remedy,
        };)*

        pub(crate) static $category: $crate::registry::Category =
            $crate::registry::Category { title: $title, rules: &[$(&$name),*] };
    };
}

pub(crate) mod archive;
pub(crate) mod docs;
pub(crate) mod package;
pub(crate) mod submission;

use serde::Serialize;

/// A rule for archives or listings.
///
/// ```
/// let rule = eqp_check::rule("archive-size").unwrap();
/// assert_eq!((rule.severity.as_str(), rule.applies_to), ("blocking", "archive"));
/// ```
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Rule {
    /// The stable name of the rule, which manifests and reports refer to.
    pub id: &'static str,
    /// The severity of a violation.
    pub severity: Severity,
    /// The source of the rule.
    pub source: Source,
    /// The files or fields that the rule applies to.
    pub applies_to: &'static str,
    /// The requirement, as a sentence.
    pub description: &'static str,
    /// How to fix a violation.
    pub remedy: &'static str,
    /// The requirements for running the rule.
    #[serde(skip)]
    pub(crate) needs: Requirement,
}

/// The severity of a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display, strum::IntoStaticStr)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The store rejects the submission.
    Blocking,
    /// The store may reject the submission.
    Warning,
    /// Only the store can check the rule. It never runs locally and is never counted as passed.
    StoreOnly,
}

/// The source of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display, strum::IntoStaticStr)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The documentation of the Marketplace API.
    #[strum(serialize = "API documentation")]
    ApiDocumentation,
    /// The store's guide for sellers: guidelines for both reviews, content, images and pricing.
    #[strum(serialize = "sellers' guide")]
    SellersGuide,
    /// The package validator script that the store publishes.
    #[strum(serialize = "validator script")]
    ValidatorScript,
    /// The developer documentation of Adobe Commerce components.
    #[strum(serialize = "component documentation")]
    ComponentDocumentation,
    /// Not documented, but submissions have been rejected because of it.
    #[strum(serialize = "practice")]
    Practice,
    /// Our own precaution against content that no archive should have.
    #[strum(serialize = "our own safety")]
    OwnSafety,
}

/// A requirement for running a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Requirement {
    /// Only the file.
    File,
    /// The directory of the archive.
    Archive,
    /// The content of all files in the archive.
    Contents,
    /// A readable composer.json.
    Composer,
    /// A manifest.
    Listing,
    /// A manifest, and a submission for technical review.
    Technical,
    /// A manifest, and a submission for marketing review.
    Marketing,
    /// The program phpcs.
    CodeSniffer,
    /// The program svc.
    SemanticVersion,
    /// Information that only the store has.
    Store,
}

/// A group of rules.
#[derive(Debug)]
#[non_exhaustive]
pub struct Category {
    /// The title of the group.
    pub title: &'static str,
    /// The rules, in the order of the registry.
    pub rules: &'static [&'static Rule],
}

/// Returns all categories, in the order of the registry.
pub fn categories() -> [&'static Category; 7] {
    [
        &archive::ARCHIVE,
        &package::COMPOSER,
        &package::COMPONENT,
        &package::CODE,
        &submission::LISTING,
        &submission::SUBMISSION,
        &submission::STORE,
    ]
}

/// Iterates over every rule, in the order of the registry.
///
/// ```
/// use eqp_check::{Severity, categories, rules};
///
/// let blocking = rules().filter(|rule| rule.severity == Severity::Blocking).count();
/// let in_categories: usize = categories().iter().map(|category| category.rules.len()).sum();
/// assert!(blocking < in_categories);
/// assert_eq!(rules().count(), in_categories);
/// ```
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    categories().into_iter().flat_map(|category| category.rules.iter().copied())
}

/// Returns the rule with the ID `id`.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

impl Rule {
    /// Returns whether an external program checks the rule, which may not be installed.
    ///
    /// ```
    /// assert!(eqp_check::rule("code-sniffer").is_some_and(|rule| rule.needs_program()));
    /// assert!(eqp_check::rule("archive-size").is_some_and(|rule| !rule.needs_program()));
    /// ```
    pub fn needs_program(&self) -> bool {
        matches!(self.needs, Requirement::CodeSniffer | Requirement::SemanticVersion)
    }
}

impl Severity {
    /// Returns the name of the severity, as in reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Source {
    /// Returns a readable name of the source.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_in_kebab_case_and_unique() {
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
            for text in [rule.description, rule.remedy] {
                assert!(text.ends_with('.'), "{}: {text}", rule.id);
            }
            assert!(!rule.applies_to.is_empty(), "{}", rule.id);
        }
    }

    #[test]
    fn what_cannot_be_known_needs_the_store() {
        for rule in rules() {
            assert_eq!(rule.severity == Severity::StoreOnly, rule.needs == Requirement::Store, "{}", rule.id);
        }
    }
}
