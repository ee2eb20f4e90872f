//! The catalogue of reasons for which the store rejects a submission: how each is recognised in a report, its cause, its remedy, and the
//! rule of the check that finds it before the submission.
//!
//! The names of the code sniffer's rules are those of the published standard. The sentences of other tools and of reviewers are not
//! published, so these reasons are recognised by words.

/// `"id", tool "phpcs", found by "rule", words ["a", "b"]; "The cause."; "The remedy.";`
macro_rules! catalogue {
    ($list:ident = $(
        $id:literal, tool $tool:literal, $(found by $rule:literal,)? words [$($word:literal),+];
        $cause:literal;
        $remedy:literal;
    )*) => {
        pub(crate) static $list: &[$crate::reasons::Reason] = &[$($crate::reasons::Reason {
            id: $id,
            tool: $tool,
            words: &[$($word),+],
            cause: $cause,
            remedy: $remedy,
            rule: catalogue!(@rule $($rule)?),
        }),*];
    };
    (@rule) => { None };
    (@rule $rule:literal) => { Some($rule) };
}

mod code;
pub(crate) mod docs;
mod review;
mod tests_of_the_store;

use serde::Serialize;

use crate::registry::{Rule, rule};

/// A reason for which the store rejects a submission.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Reason {
    /// The stable name of the reason.
    pub id: &'static str,
    /// The tool that reports it, as in test results: `phpcs`, `phpcpd`, `varnish`, `manual_qa`, `marketing` or `malware`.
    pub tool: &'static str,
    /// Parts of the report by which it is recognised, in lower case. One of them is enough.
    #[serde(skip)]
    pub(crate) words: &'static [&'static str],
    /// The cause.
    pub cause: &'static str,
    /// How to fix it.
    pub remedy: &'static str,
    /// The ID of the rule of the check that finds it before the submission.
    pub rule: Option<&'static str>,
}

/// Iterates over all reasons, by tool.
pub fn reasons() -> impl Iterator<Item = &'static Reason> {
    [code::CODE, tests_of_the_store::TESTS, review::REVIEW].into_iter().flatten()
}

/// Returns the first reason that a text of this tool contains: the name of a violated rule, or a sentence.
///
/// ```
/// let reason = eqp_check::reason("phpcs", "Squiz.PHP.Eval.Discouraged").unwrap();
/// assert_eq!((reason.id, reason.rule), ("eval", Some("code-sniffer")));
/// assert!(eqp_check::reason("varnish", "Squiz.PHP.Eval.Discouraged").is_none());
/// ```
pub fn reason(tool: &str, text: &str) -> Option<&'static Reason> {
    let text = text.to_lowercase();
    reasons().filter(|reason| reason.tool == tool).find(|reason| reason.words.iter().any(|word| text.contains(word)))
}

impl Reason {
    /// Returns the rule of the check that finds the reason before the submission.
    pub fn rule(&self) -> Option<&'static Rule> {
        self.rule.and_then(rule)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_is_complete_and_its_rule_exists() {
        let mut ids = BTreeSet::new();
        for one in reasons() {
            assert!(ids.insert(one.id), "{} exists twice", one.id);
            assert!(one.cause.ends_with('.') && one.remedy.ends_with('.'), "{}", one.id);
            assert_eq!(one.rule.is_some(), one.rule().is_some(), "{}: unknown rule", one.id);
            for word in one.words {
                assert_eq!(*word, word.to_lowercase(), "{}", one.id);
            }
        }
        assert!(ids.len() >= 30, "{}", ids.len());
    }

    #[test]
    fn the_first_word_of_a_reason_leads_to_it() {
        for one in reasons() {
            let found = reason(one.tool, &one.words[0].to_uppercase()).unwrap();
            assert_eq!(found.id, one.id);
        }
    }
}
