//! Bytes and texts of other programs.

use std::fmt::Write as _;

use maud::{Markup, html};

/// The number of bytes that are shown in hexadecimal.
const SHOWN: usize = 16 * 1024;
const PER_LINE: usize = 16;

/// Returns a text with its control characters, and those that change the direction of other text, in a visible form.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            // A line ends with both, and the second is shown.
            '\r' => {}
            '\0'..='\u{1f}' => shown.push(char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}')),
            '\u{7f}' => shown.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            // Line and paragraph separators, and the direction of text.
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
            }
            character => shown.push(character),
        }
    }
    shown
}

/// Returns a document in which no character changes the direction of other text. Texts are [`visible`] already; this also covers attributes.
pub(crate) fn with_visible_directions(document: String) -> String {
    if !document.contains(changes_direction) {
        return document;
    }
    let mut shown = String::with_capacity(document.len() + 64);
    for character in document.chars() {
        if changes_direction(character) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

fn changes_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Shows stored bytes: as text if they are UTF-8, and in hexadecimal. The box is the only part of a page that scrolls sideways, so it can
/// have the focus.
pub(crate) fn body(label: &str, bytes: &[u8]) -> Markup {
    let size = super::counted(bytes.len() as u64, "byte");
    let text = std::str::from_utf8(bytes).ok();
    html! {
        @match text {
            Some("") => p { "It is empty." },
            Some(text) => {
                pre.raw tabindex="0" role="region" aria-label={ (label) ", " (size) } { (visible(text)) }
                details {
                    summary { "The same bytes in hexadecimal" }
                    (hexadecimal(label, bytes))
                }
            }
            None => {
                p { "It is not UTF-8, so it is shown in hexadecimal." }
                (hexadecimal(label, bytes))
            }
        }
    }
}

fn hexadecimal(label: &str, bytes: &[u8]) -> Markup {
    let shown = &bytes[..bytes.len().min(SHOWN)];
    html! {
        pre.raw tabindex="0" role="region" aria-label={ (label) ", in hexadecimal" } { (dump(shown)) }
        @if shown.len() < bytes.len() {
            p { "The remaining " (super::counted((bytes.len() - shown.len()) as u64, "byte")) " are not shown here." }
        }
    }
}

/// Returns lines with an offset, 16 bytes, and their printable ASCII characters.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (index, line) in bytes.chunks(PER_LINE).enumerate() {
        let _ = write!(text, "{:06x} ", index * PER_LINE);
        for at in 0..PER_LINE {
            let _ = match line.get(at) {
                Some(byte) => write!(text, " {byte:02x}"),
                None => write!(text, "   "),
            };
        }
        text.push_str("  ");
        text.extend(line.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' }));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_visible() {
        assert_eq!(visible("a\u{2028}b\u{2029}c"), "a\\u{2028}b\\u{2029}c");
        assert_eq!(visible("a\x1b[31m\r\n\tb\u{202e}c\0"), "a␛[31m\n\tb\\u{202e}c␀");
    }

    #[test]
    fn no_character_of_a_document_changes_the_direction_of_text() {
        let document = "<main data-state=\"a\u{202e}b\">\u{2067}ü\u{200d}\n</main>".to_owned();
        let shown = with_visible_directions(document);
        assert_eq!(shown, "<main data-state=\"a\\u{202e}b\">\\u{2067}ü\u{200d}\n</main>");
        assert_eq!(with_visible_directions("<p>ü</p>".to_owned()), "<p>ü</p>");
    }

    #[test]
    fn bytes_that_are_not_text_are_shown_in_hexadecimal() {
        let shown = body("Body", b"\xff\x00<b>").into_string();
        assert!(shown.contains("not UTF-8"), "{shown}");
        assert!(shown.contains("000000  ff 00 3c 62 3e") && shown.contains("..&lt;b&gt;"), "{shown}");
        let text = body("Body", b"<b>").into_string();
        assert!(text.contains(">&lt;b&gt;</pre>") && text.contains("3c 62 3e"), "{text}");
    }

    #[test]
    fn only_the_start_of_a_long_body_is_shown_in_hexadecimal() {
        let shown = body("Body", &vec![0xff; SHOWN + 7]).into_string();
        assert!(shown.contains("The remaining 7 bytes are not shown here."));
    }
}
