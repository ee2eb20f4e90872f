//! Escapes external text before it is printed. Text from the Marketplace and from archives may contain control characters that change
//! how a terminal displays it, or commands of a CI service; both are printed in a visible form.
//!
//! Only our own colours are printed as escape sequences: [`Paint`] writes them with a marker character that no text contains, and
//! [`sanitized`] replaces the marker.

use std::fmt::{self, Write};

use anstyle::Style;

/// Represents the escape character of our own colours. It is a noncharacter, so text should not contain it. External
/// text that contains it can only change the colour.
const MARK: char = '\u{fdd0}';
const ESCAPE: char = '\u{1b}';
/// Markers of commands anywhere in a line: GitHub (older), Azure and TeamCity.
const COMMANDS_ANYWHERE: [&str; 3] = ["##[", "##vso[", "##teamcity["];
/// Markers of GitHub commands at the start of a line, after white space.
const COMMAND_AT_START: &str = "::";

/// A colour of our own; the alternate form ends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(pub(crate) Style);

impl fmt::Display for Paint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(style) = self;
        let escapes = if f.alternate() { format!("{style:#}") } else { style.to_string() };
        f.write_str(&escapes.replace(ESCAPE, MARK.encode_utf8(&mut [0; 4])))
    }
}

/// Escapes an external value for use within a line: no control character and no line end remains.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        push_escaped(&mut shown, letter);
    }
    shown
}

/// Escapes text for printing. Line ends are preserved, so external values must be [`escaped`] before they become part
/// of a line.
pub(crate) fn sanitized(text: &str) -> String {
    text.split('\n').map(sanitized_line).collect::<Vec<_>>().join("\n")
}

/// Escapes text for printing, and removes our colours.
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(&sanitized(text)).to_string()
}

/// Removes our colours from a value.
pub(crate) fn without_style(text: &str) -> String {
    let mut rest = text;
    let mut bare = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once(MARK) {
        bare.push_str(before);
        rest = match colour(after) {
            Some(end) => &after[end..],
            None => after,
        };
    }
    bare + rest
}

/// Escapes a log line. Its colours come from the log's own writer, which escapes all others.
pub(crate) fn logged(line: &str) -> String {
    let visible_mark = MARK.escape_unicode().to_string();
    let mut marked = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(ESCAPE) {
        marked.push_str(&before.replace(MARK, &visible_mark));
        marked.push(if colour(after).is_some() { MARK } else { ESCAPE });
        rest = after;
    }
    marked.push_str(&rest.replace(MARK, &visible_mark));
    sanitized_line(&marked.replace('\n', "\\n"))
}

/// Escapes annotations for GitHub Actions, but keeps the commands at the start of lines.
pub(crate) fn annotations(text: &str) -> String {
    text.split('\n').map(|line| without_commands_anywhere(&controls_escaped(line))).collect::<Vec<_>>().join("\n")
}

/// Escapes a line of JSON with JSON escapes, so that its content stays the same.
pub(crate) fn escaped_json(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        if is_hidden(letter) || COMMANDS_ANYWHERE.iter().any(|command| rest.starts_with(command)) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to text cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(letter);
        }
        rest = &rest[letter.len_utf8()..];
    }
    escaped
}

fn sanitized_line(line: &str) -> String {
    let shown = without_commands_anywhere(&controls_escaped(line));
    let text = anstream::adapter::strip_str(&shown).to_string();
    // Colours before a command are ignored, because a CI service may remove them before it looks for commands.
    if !text.trim_start().starts_with(COMMAND_AT_START) {
        return shown;
    }
    // The first colon may be followed by a colour, which itself contains no colon.
    shown.replacen(':', "\\u{3a}", 1)
}

fn without_commands_anywhere(line: &str) -> String {
    let mut line = line.to_owned();
    for command in COMMANDS_ANYWHERE {
        if line.contains(command) {
            line = line.replace(command, &format!("\\u{{23}}{}", &command[1..]));
        }
    }
    line
}

/// Escapes control characters, and turns markers of our colours into escape sequences.
fn controls_escaped(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            MARK => match colour(rest) {
                Some(end) => {
                    shown.push(ESCAPE);
                    shown.push_str(&rest[..end]);
                    rest = &rest[end..];
                }
                None => push_escaped(&mut shown, letter),
            },
            '\t' => shown.push(letter),
            _ => push_escaped(&mut shown, letter),
        }
    }
    shown
}

/// Returns the end of a colour such as `[1;31m` after the marker.
fn colour(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('[')?;
    let end = inside.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
    inside[end..].starts_with('m').then_some(end + 2)
}

fn push_escaped(shown: &mut String, letter: char) {
    match letter {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        letter if is_hidden(letter) => shown.extend(letter.escape_unicode()),
        letter => shown.push(letter),
    }
}

/// Returns whether a character is invisible and changes how others are displayed, or ends a line.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | MARK
        )
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    #[test]
    fn what_is_hidden_is_shown() {
        for (text, shown) in [
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\u{9b}2J", "a\\u{9b}2J"),
            ("a\rb", "a\\rb"),
            ("x\u{202e}gpj", "x\\u{202e}gpj"),
            ("bell\u{7}", "bell\\u{7}"),
            ("a\u{2028}b\u{85}", "a\\u{2028}b\\u{85}"),
            ("plain ünïcode\ttab", "plain ünïcode\ttab"),
        ] {
            assert_eq!(sanitized(text), shown);
        }
        assert_eq!(escaped("a\nb\t"), "a\\nb\\t");
        assert_eq!(sanitized("a\nb"), "a\nb");
    }

    #[test]
    fn our_colours_come_through_and_no_others() {
        let red = Paint(AnsiColor::Red.on_default());
        assert_eq!(sanitized(&format!("{red}x{red:#}")), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(plain(&format!("{red}x{red:#}")), "x");
        assert_eq!(sanitized("\u{fdd0}]0;title"), "\\u{fdd0}]0;title");
    }

    #[test]
    fn no_line_is_a_command_of_a_ci_service() {
        let red = Paint(AnsiColor::Red.on_default());
        for text in [
            "::error::x".to_owned(),
            "   ::add-mask::x".to_owned(),
            "a\n::set-output name=a::b".to_owned(),
            format!("{red}::error::x{red:#}"),
            format!(":{red}:error::x"),
        ] {
            let shown = sanitized(&text);
            let stripped = anstream::adapter::strip_str(&shown).to_string();
            assert!(!stripped.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
        }
        for text in ["x ##[error]y", "##vso[task.setvariable]x", "##teamcity[x]", "a ##[group]"] {
            assert!(!COMMANDS_ANYWHERE.iter().any(|command| sanitized(text).contains(command)), "{text}");
        }
        assert_eq!(sanitized("a::b ## c #[d]"), "a::b ## c #[d]");
        assert_eq!(annotations("::error::a\u{1b}##[x]"), "::error::a\\u{1b}\\u{23}#[x]");
    }

    #[test]
    fn json_holds_the_same() {
        let value = serde_json::json!({"a": "\u{1b}\u{9b}\u{7f}\u{202e}##[error]\u{2028}\u{feff}ü\n"});
        let line = escaped_json(&value.to_string());
        assert!(line.chars().all(|letter| !is_hidden(letter)) && !line.contains("##["), "{line}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
    }
}
