//! Parses statuses and flows in arguments. A typo is an error that suggests the correct value.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use eqp_release::wait::UnreachableStatus;
use eqp_types::{Flow, MalwareStatus, MarketingStatus, OverallStatus, TechnicalStatus};

use crate::failure::Failure;

/// Maximum edit distance at which an unknown value counts as a typo instead of an undocumented status.
const MAX_TYPOS: usize = 2;

/// Returns a parser for flows.
pub(super) fn flow() -> impl TypedValueParser<Value = Flow> {
    PossibleValuesParser::new(Flow::KNOWN).map(|text| Flow::from(text.as_str()))
}

/// Returns a parser for a closed set of values.
pub(super) fn one_of<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: std::str::FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|text| text.parse::<T>())
}

/// Returns a parser for statuses of any flow.
pub(super) fn any_status() -> StatusParser {
    StatusParser(&[OverallStatus::KNOWN, TechnicalStatus::KNOWN, MarketingStatus::KNOWN, MalwareStatus::KNOWN])
}

/// Describes why a status is refused that is only documented for other flows.
pub(super) fn of_another_flow(error: &UnreachableStatus) -> Failure {
    let known = match error.flow {
        Flow::Overall => OverallStatus::KNOWN,
        Flow::Technical => TechnicalStatus::KNOWN,
        Flow::Marketing => MarketingStatus::KNOWN,
        _ => MalwareStatus::KNOWN,
    };
    let others = error.others.iter().map(Flow::as_str).collect::<Vec<_>>().join(" or ");
    Failure::usage(format!("flow {} has no status {}", error.flow, error.status))
        .why(format!("it is a status of {others}"))
        .next(format!("statuses of {}: {}", error.flow, known.join(", ")))
}

/// Returns a parser for overall statuses.
pub(super) fn overall_status() -> StatusParser {
    StatusParser(&[OverallStatus::KNOWN])
}

/// Returns a parser for statuses of the technical review.
pub(super) fn technical_status() -> StatusParser {
    StatusParser(&[TechnicalStatus::KNOWN])
}

/// Returns a parser for statuses of the marketing review.
pub(super) fn marketing_status() -> StatusParser {
    StatusParser(&[MarketingStatus::KNOWN])
}

/// Parses a status in any letter case. The Marketplace may add statuses at any time, so a value that resembles none of
/// the known ones is accepted, but not a status that only other flows have.
#[derive(Clone, Debug)]
pub(super) struct StatusParser(&'static [&'static [&'static str]]);

impl StatusParser {
    fn known(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|states| states.iter().copied())
    }

    fn typo(&self, text: &str) -> Option<&'static str> {
        let distance = |known| strsim::damerau_levenshtein(text, known);
        let nearest = self.known().min_by_key(|known| distance(known)).filter(|known| distance(known) <= MAX_TYPOS);
        // The start of a long status also counts as a typo, such as `released` for `released_to_store`.
        let is_begun = |known: &&str| {
            known.split_once('_').is_some_and(|(begin, _)| strsim::damerau_levenshtein(text, begin) <= MAX_TYPOS)
        };
        nearest.or_else(|| self.known().filter(|_| text.len() > 2 * MAX_TYPOS).find(is_begun))
    }
}

impl TypedValueParser for StatusParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let text = value.to_str().ok_or_else(|| clap::Error::new(ErrorKind::InvalidUtf8).with_cmd(command))?;
        let text = text.trim().to_ascii_lowercase();
        if let Some(known) = self.known().find(|known| *known == text) {
            return Ok(known.to_owned());
        }
        let is_a_word =
            !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
        let typo = self.typo(&text);
        if is_a_word && typo.is_none() && !any_status().known().any(|known| known == text) {
            return Ok(text);
        }
        let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
        let name = argument.map(ToString::to_string).unwrap_or_default();
        error.insert(ContextKind::InvalidArg, ContextValue::String(name));
        error.insert(ContextKind::InvalidValue, ContextValue::String(value.to_string_lossy().into_owned()));
        let mut known: Vec<_> = self.known().map(str::to_owned).collect();
        known.sort_unstable();
        known.dedup();
        error.insert(ContextKind::ValidValue, ContextValue::Strings(known));
        if let Some(typo) = typo {
            error.insert(ContextKind::SuggestedValue, ContextValue::String(typo.to_owned()));
        }
        Err(error)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let mut known: Vec<_> = self.known().collect();
        known.sort_unstable();
        known.dedup();
        Some(Box::new(known.into_iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let command = clap::Command::new("eqp");
        any_status().parse_ref(&command, None, OsStr::new(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_status_of_another_flow_is_refused_with_the_statuses_of_this_one() {
        let command = clap::Command::new("eqp");
        for (parser, text, has) in [
            (overall_status(), "in_manual_qa", "released_to_store"),
            (technical_status(), "in_marketing_review", "in_manual_qa"),
            (marketing_status(), "passed", "in_marketing_review"),
        ] {
            let error = parser.parse_ref(&command, None, OsStr::new(text)).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains(has), "{error}");
        }
        assert_eq!(
            overall_status().parse_ref(&command, None, OsStr::new("in_legal_review")).unwrap(),
            "in_legal_review"
        );
    }

    #[test]
    fn a_slip_is_an_error_and_a_new_code_is_none() {
        for text in ["approved", "in-progress", "released_to_store"] {
            assert_eq!(read(text).unwrap(), text);
        }
        assert_eq!(read("Approved ").unwrap(), "approved");
        assert_eq!(read("in_legal_review").unwrap(), "in_legal_review", "nobody knows all codes");
        for (text, meant) in [
            ("rejekted", "rejected"),
            ("aproved", "approved"),
            ("in_manual_aq", "in_manual_qa"),
            ("released", "released_to_store"),
            ("relesed", "released_to_store"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(&format!("'{meant}'")), "{error}");
        }
        for text in ["", "approved,rejected", "a b"] {
            read(text).unwrap_err();
        }
    }
}
