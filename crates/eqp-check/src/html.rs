//! A minimal HTML scanner for the rules about descriptions: headings, list items, links and styles. It accepts any input.

/// The structure of an HTML text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The blocks, in order.
    pub(crate) blocks: Vec<Block>,
    /// The text outside of links, without tags.
    pub(crate) unlinked: String,
    /// Whether it uses CSS or fonts.
    pub(crate) is_styled: bool,
    /// Whether it has tags.
    pub(crate) has_tags: bool,
}

/// A block of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// A heading (`h1` to `h6`) with its text.
    Heading(u8, String),
    /// A list item, or a line that begins with a bullet.
    Item,
    /// Other text.
    Text,
}

/// Scans a text.
pub(crate) fn outline(html: &str) -> Outline {
    let mut outline = Outline::default();
    let (mut heading, mut links, mut hidden): (Option<(u8, String)>, u32, bool) = (None, 0, false);
    for token in Tokens::of(html) {
        match token {
            Token::Tag { name, attributes, closes } => {
                outline.has_tags = true;
                let name = name.to_ascii_lowercase();
                outline.is_styled |= matches!(name.as_str(), "style" | "font") || has_attribute(attributes, "style");
                match name.as_bytes() {
                    [b'h', level @ b'1'..=b'6'] => {
                        let ended =
                            if closes { heading.take() } else { heading.replace((level - b'0', String::new())) };
                        outline.blocks.extend(ended.map(|(level, text)| Block::Heading(level, text)));
                    }
                    b"li" if !closes => outline.blocks.push(Block::Item),
                    b"a" if closes => links = links.saturating_sub(1),
                    b"a" => links += 1,
                    b"style" | b"script" => hidden = !closes,
                    _ => {}
                }
            }
            Token::Text(_) if hidden => {}
            Token::Text(text) => {
                if links == 0 {
                    outline.unlinked.push_str(text);
                    outline.unlinked.push(' ');
                }
                match &mut heading {
                    Some((_, words)) => words.push_str(text),
                    None => outline.blocks.extend(text.lines().filter_map(line)),
                }
            }
        }
    }
    outline.blocks.extend(heading.map(|(level, text)| Block::Heading(level, text)));
    outline
}

fn line(line: &str) -> Option<Block> {
    let line = line.trim().trim_start_matches("&nbsp;").trim();
    match line {
        "" => None,
        _ if ["- ", "* ", "• ", "– "].iter().any(|bullet| line.starts_with(bullet)) => Some(Block::Item),
        _ => Some(Block::Text),
    }
}

fn has_attribute(attributes: &str, name: &str) -> bool {
    attributes.split([' ', '\t', '\n', '"', '\'']).any(|word| {
        let word = word.to_ascii_lowercase();
        word.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
    })
}

enum Token<'a> {
    Tag { name: &'a str, attributes: &'a str, closes: bool },
    Text(&'a str),
}

/// The rest of a text.
struct Tokens<'a> {
    rest: &'a str,
    /// The position of the last `>`, counted from the end. There are no tags after it, so searching for them is skipped.
    last_close: usize,
}

impl<'a> Tokens<'a> {
    fn of(html: &'a str) -> Self {
        Self { rest: html, last_close: html.rfind('>').map_or(0, |at| html.len() - at) }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.rest;
            if rest.is_empty() {
                return None;
            }
            if let Some(comment) = rest.strip_prefix("<!--") {
                self.rest = comment.split_once("-->").map_or("", |(_, after)| after);
                continue;
            }
            let can_close = self.last_close > 0 && rest.len() >= self.last_close;
            if let Some((tag, after)) = Some(rest).filter(|_| can_close).and_then(tag) {
                self.rest = after;
                return Some(tag);
            }
            // A `<` that does not begin a tag is text.
            let skip = usize::from(rest.starts_with('<'));
            let end = rest[skip..].find('<').map_or(rest.len(), |at| at + skip);
            self.rest = &rest[end..];
            return Some(Token::Text(&rest[..end]));
        }
    }
}

fn tag(rest: &str) -> Option<(Token<'_>, &str)> {
    let inside = rest.strip_prefix('<')?;
    let closes = inside.starts_with('/');
    let inside = inside.strip_prefix('/').unwrap_or(inside);
    if !inside.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        return None;
    }
    let (tag, after) = inside.split_once('>')?;
    let end = tag.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(tag.len());
    Some((Token::Tag { name: &tag[..end], attributes: &tag[end..], closes }, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headings_items_and_text_are_distinguished() {
        let outline = outline(
            "<p>See https://a.example and <a href='https://b.example'>b</a></p><H2>Key <b>Features</b></H2>\
            <ul><li>One</li><li>Two</li></ul>\n- three",
        );
        assert_eq!(outline.blocks[0], Block::Text);
        assert!(outline.blocks.contains(&Block::Heading(2, "Key Features".into())));
        assert_eq!(outline.blocks.iter().filter(|block| **block == Block::Item).count(), 3);
        assert!(outline.unlinked.contains("https://a.example") && !outline.unlinked.contains("https://b.example"));
        assert!(!outline.is_styled);
    }

    #[test]
    fn styles_are_seen_and_a_mere_word_is_not() {
        for styled in
            ["<p style=\"color: red\">x</p>", "<style>p {}</style>", "<FONT size=7>x</FONT>", "<p class='a' style='b'>"]
        {
            assert!(outline(styled).is_styled, "{styled}");
        }
        for plain in ["a style = a way", "<p class=\"styled\">x</p>", "1 < 2 style=3", "<p data-style=\"x\">y</p>"] {
            assert!(!outline(plain).is_styled, "{plain}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_hang(text in "[<>/!a-h1-6=\"' \n&é-]{0,64}") {
            outline(&text);
        }
    }
}
