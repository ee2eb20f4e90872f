//! Filters whose values are codes of the Marketplace: a slip is an error that names what was probably meant.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use eqp_types::{Flow, MalwareStatus, MarketingStatus, OverallStatus, TechnicalStatus};

/// So many letters may be wrong for a word to be a slip rather than a code that is not documented yet.
const SLIP: usize = 2;

/// Reads a flow.
pub(super) fn flow() -> impl TypedValueParser<Value = Flow> {
    PossibleValuesParser::new(Flow::KNOWN).map(|word| Flow::from(word.as_str()))
}

/// Reads one of the words of a closed set.
pub(super) fn one_of<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: std::str::FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse::<T>())
}

/// Reads a state of any flow.
pub(super) fn any_state() -> States {
    States(&[OverallStatus::KNOWN, TechnicalStatus::KNOWN, MarketingStatus::KNOWN, MalwareStatus::KNOWN])
}

/// Reads a state of a submission as a whole.
pub(super) fn overall_state() -> States {
    States(&[OverallStatus::KNOWN])
}

/// Reads a state of a technical review.
pub(super) fn technical_state() -> States {
    States(&[TechnicalStatus::KNOWN])
}

/// Reads a state of a marketing review.
pub(super) fn marketing_state() -> States {
    States(&[MarketingStatus::KNOWN])
}

/// Reads a state, in any letter case. The Marketplace may add to them at any time, so a word that is like none of them is
/// accepted.
#[derive(Clone, Debug)]
pub(super) struct States(&'static [&'static [&'static str]]);

impl States {
    fn known(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|states| states.iter().copied())
    }

    fn slip(&self, word: &str) -> Option<&'static str> {
        let distance = |known| strsim::damerau_levenshtein(word, known);
        let nearest = self.known().min_by_key(|known| distance(known)).filter(|known| distance(known) <= SLIP);
        // The begin of a long code, such as `released` for `released_to_store`.
        let is_begun = |known: &&str| {
            known.split_once('_').is_some_and(|(begin, _)| strsim::damerau_levenshtein(word, begin) <= SLIP)
        };
        nearest.or_else(|| self.known().filter(|_| word.len() > 2 * SLIP).find(is_begun))
    }
}

impl TypedValueParser for States {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let word = value.to_str().ok_or_else(|| clap::Error::new(ErrorKind::InvalidUtf8).with_cmd(command))?;
        let word = word.trim().to_ascii_lowercase();
        if let Some(known) = self.known().find(|known| *known == word) {
            return Ok(known.to_owned());
        }
        let is_a_word =
            !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
        let slip = self.slip(&word);
        if is_a_word && slip.is_none() {
            return Ok(word);
        }
        let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
        let name = argument.map(ToString::to_string).unwrap_or_default();
        error.insert(ContextKind::InvalidArg, ContextValue::String(name));
        error.insert(ContextKind::InvalidValue, ContextValue::String(value.to_string_lossy().into_owned()));
        let mut known: Vec<_> = self.known().map(str::to_owned).collect();
        known.sort_unstable();
        known.dedup();
        error.insert(ContextKind::ValidValue, ContextValue::Strings(known));
        if let Some(slip) = slip {
            error.insert(ContextKind::SuggestedValue, ContextValue::String(slip.to_owned()));
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

    fn read(word: &str) -> Result<String, String> {
        let command = clap::Command::new("eqp");
        any_state().parse_ref(&command, None, OsStr::new(word)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_slip_is_an_error_and_a_new_code_is_none() {
        for word in ["approved", "in-progress", "released_to_store"] {
            assert_eq!(read(word).unwrap(), word);
        }
        assert_eq!(read("Approved ").unwrap(), "approved");
        assert_eq!(read("in_legal_review").unwrap(), "in_legal_review", "nobody knows all codes");
        for (word, meant) in [
            ("rejekted", "rejected"),
            ("aproved", "approved"),
            ("in_manual_aq", "in_manual_qa"),
            ("released", "released_to_store"),
            ("relesed", "released_to_store"),
        ] {
            let error = read(word).unwrap_err();
            assert!(error.contains(&format!("'{meant}'")), "{error}");
        }
        for word in ["", "approved,rejected", "a b"] {
            read(word).unwrap_err();
        }
    }
}
