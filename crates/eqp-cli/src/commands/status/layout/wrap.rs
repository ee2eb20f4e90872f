//! Wraps text between words, in the columns of a terminal.

use crate::output::plain;

/// Words that belong to the number before them.
const UNITS: [&str; 5] = ["min", "h", "d", "ago", "UTC"];

/// Wraps a text between words, with the same indentation for each line. A number and its unit count as one word.
pub(super) fn wrapped_at(text: &str, indent: usize, width: usize) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match words.last_mut() {
            Some(last) if UNITS.contains(&word.trim_end_matches([',', ';', '.', ')'])) => {
                *last = format!("{last} {word}");
            }
            _ => words.push(word.to_owned()),
        }
    }
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in words {
        if !line.is_empty() && indent + measure(&line) + 1 + measure(&word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    let indented = lines.iter().map(|line| format!("{}{line}", " ".repeat(indent)).trim_end().to_owned());
    indented.collect::<Vec<_>>().join("\n")
}

/// Returns the number of characters that are visible.
pub(super) fn measure(text: &str) -> usize {
    plain(text).chars().count()
}
