//! Formatting of text: shell quoting, times in UTC, counts, and suggestions for misspelled names.

use std::fmt::Display;

use eqp_types::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Quotes a word for a shell.
pub(crate) fn shell_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Quotes a word for a shell, if that is necessary.
pub(crate) fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+,=".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { shell_quoted(word) }
}

/// Returns the name that is most similar to `word`, if it is similar enough.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// Formats a time as the Marketplace does: `2022-08-25 19:20:21`, in UTC.
pub(crate) fn utc(time: OffsetDateTime) -> String {
    Timestamp::of(time).to_string()
}

/// Formats a time for programs, by RFC 3339.
pub(crate) fn rfc3339(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC).format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

/// Formats the reason why the Marketplace rejected an item, with its message and code.
pub(crate) fn refusal(message: Option<&str>, code: Option<impl Display>) -> String {
    let code = code.map(|code| format!(" (code {code})")).unwrap_or_default();
    format!("{}{code}", message.unwrap_or("no reason given"))
}

/// Formats a number with a noun: `1 file`, `2 files`, `3 copies`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if number == N::from(1) => format!("1 {noun}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_word_that_was_meant() {
        for word in ["/var/lib/eqp/eqp.env", "a b", "it's", "$HOME", "", "ü\n"] {
            let printed =
                std::process::Command::new("sh").args(["-c", &format!("printf %s {}", shell_word(word))]).output();
            assert_eq!(String::from_utf8(printed.unwrap().stdout).unwrap(), word);
        }
        assert_eq!(shell_word("/var/lib/eqp/eqp.env"), "/var/lib/eqp/eqp.env");
    }

    #[test]
    fn a_time_is_shown_in_utc() {
        let time = time::macros::datetime!(2022-08-25 21:20:21.5 +2);
        assert_eq!(utc(time), "2022-08-25 19:20:21");
        assert_eq!(rfc3339(time), "2022-08-25T19:20:21.5Z");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!([0_usize, 1, 2].map(|number| counted(number, "warning")), ["0 warnings", "1 warning", "2 warnings"]);
        assert_eq!([1_u64, 2].map(|number| counted(number, "copy")), ["1 copy", "2 copies"]);
        assert_eq!(counted(2_u64, "Composer key"), "2 Composer keys");
    }
}
