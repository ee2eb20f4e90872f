//! Completes values of arguments in a shell: IDs, SKUs, names and profiles.
//!
//! The scripts of `eqp completions` run `eqp complete -- WORD…` with the words of the command line up to the one that is completed, and
//! read one value per line. It is not a command of the definition: it prints nothing but values, and ends with 0 for any words.

mod argument;
mod context;
mod script;
mod values;

use std::io::Write as _;
use std::time::Duration;

use self::argument::Wanted;
pub(crate) use self::script::with_values;

/// The name with which the scripts call the tool.
const COMMAND: &str = "complete";
/// The time limit for reading values. A person waits for them after each press of a key.
const DEADLINE: Duration = Duration::from_millis(300);
/// The maximum number of values.
const MAX_VALUES: u32 = 200;

/// Returns the words of the command line to complete, if the tool was called by a script for completions.
pub(crate) fn requested() -> Option<Vec<String>> {
    let mut arguments = std::env::args_os().skip(1);
    let is_requested = arguments.next()? == COMMAND && arguments.next()? == "--";
    // A word that is not UTF-8 cannot be completed.
    is_requested.then(|| arguments.map(|word| word.to_string_lossy().into_owned()).collect())
}

/// Prints the values with which the last word can be completed. The first word is the name of the program. `definition` returns the
/// definition of the command line.
pub(crate) fn run(words: &[String], definition: fn() -> clap::Command) {
    let mut built = definition();
    built.build();
    let Some(wanted) = argument::wanted(&built, words) else { return };
    let found = found(&wanted, words, definition());
    let printed: String = found.iter().flat_map(|value| [wanted.before.as_str(), value, "\n"]).collect();
    // The shell may have ended.
    let _ = std::io::stdout().write_all(printed.as_bytes());
}

/// Returns the values that begin with the typed text.
fn found(wanted: &Wanted, words: &[String], definition: clap::Command) -> Vec<String> {
    let Some(context) = context::of_words(words, definition) else { return Vec::new() };
    let mut found = values::configured(&context, wanted.kind);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    if let (true, Ok(runtime)) = (wanted.kind.is_recorded(), runtime) {
        let recorded =
            runtime.block_on(async { tokio::time::timeout(DEADLINE, values::recorded(&context, wanted)).await });
        found.extend(recorded.ok().flatten().unwrap_or_default());
        // A lookup of a host name must not delay the exit.
        runtime.shutdown_background();
    }
    matching(found, &wanted.typed)
}

/// Returns the values that begin with the typed text, without duplicates, in their order.
fn matching(found: Vec<String>, typed: &str) -> Vec<String> {
    let mut matching: Vec<String> = Vec::new();
    for value in found {
        if value.starts_with(typed) && is_plain(&value) && !matching.contains(&value) {
            matching.push(value);
        }
    }
    matching.truncate(MAX_VALUES as usize);
    matching
}

/// Returns whether a value needs no quoting in a shell. Values come from the Marketplace, from callbacks and from files, and a completed
/// command line is run without being read closely.
fn is_plain(value: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._/@+-".contains(letter);
    !value.is_empty() && value.len() <= 255 && !value.starts_with('-') && value.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_that_need_no_quoting_are_offered() {
        for value in ["acme/checkout", "s5w9k703ru", "2309480238.238475.0", "acme-live", "a_b+c@d"] {
            assert!(is_plain(value), "{value}");
        }
        for value in ["", "-rf", "a b", "$(id)", "`id`", "a;b", "a'b", "a\nb", "a\u{202e}b", "ä", "a=b", "*", "~"] {
            assert!(!is_plain(value), "{value}");
        }
    }

    #[test]
    fn values_are_offered_once_and_begin_with_the_typed_text() {
        let found = ["acme/b", "acme/a", "acme/b", "other/a", "acme/$(id)"].map(str::to_owned);
        assert_eq!(matching(found.to_vec(), "acme/"), ["acme/b", "acme/a"]);
        let many = (0..1_000).map(|number| format!("s{number}")).collect();
        assert_eq!(matching(many, "s").len(), MAX_VALUES as usize);
    }
}
