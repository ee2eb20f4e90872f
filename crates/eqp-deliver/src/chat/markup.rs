//! How lines are written as one text, for services whose messages are texts.

use super::line::{Line, Part};

/// The format of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Markup {
    /// Slack's format. Nothing is emphasised: the characters for it cannot be escaped in text of others.
    Slack,
    /// Markdown as Discord understands it.
    Markdown,
    /// Text without a format.
    #[cfg_attr(not(feature = "email"), allow(dead_code, reason = "only mails are plain"))]
    Plain,
}

impl Markup {
    /// The maximum length of a text.
    fn limit(self) -> usize {
        match self {
            Self::Slack => 3_000,
            Self::Markdown => 2_000,
            Self::Plain => 50_000,
        }
    }

    /// Returns the length of a text, as the service counts it.
    fn length(self, text: &str) -> usize {
        match self {
            // Discord does not document the unit. This is the largest number of all possible ones.
            Self::Markdown => text.encode_utf16().count(),
            Self::Slack | Self::Plain => text.chars().count(),
        }
    }

    /// Writes lines, without the last ones of a long text. Each line that remains is complete, so that nothing is cut inside an escape.
    pub(crate) fn render(self, lines: &[Line]) -> String {
        let mut text = String::new();
        for line in lines.iter().map(|line| self.line(line)).filter(|line| !line.is_empty()) {
            let line = if self.length(&line) > self.limit() { "…".to_owned() } else { line };
            if self.length(&text) + self.length(&line) + 2 > self.limit() {
                text.push_str("\n…");
                break;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&line);
        }
        text
    }

    fn line(self, line: &Line) -> String {
        let line: String = line.parts().iter().map(|part| self.part(part)).collect();
        // The start of a list or of small text.
        if self == Self::Markdown && line.starts_with(['-', '+']) { format!("\\{line}") } else { line }
    }

    fn part(self, part: &Part) -> String {
        match (self, part) {
            (Self::Slack, Part::Plain(text) | Part::Bold(text)) => slack(text),
            (Self::Slack, Part::Link { text, url }) => format!("<{}|{text}>", slack(url).replace('|', "%7C")),
            (Self::Markdown, Part::Plain(text)) => markdown(text),
            (Self::Markdown, Part::Bold(text)) => format!("**{}**", markdown(text)),
            (Self::Markdown, Part::Link { text, url }) => format!("[{text}](<{}>)", markdown_url(url)),
            (Self::Plain, Part::Plain(text) | Part::Bold(text)) => text.clone(),
            (Self::Plain, Part::Link { text, url }) => format!("{text}: {url}"),
        }
    }
}

fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Escapes text for Discord: everything that begins a format, a mention or a link.
fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '#' => escaped.extend(['\\', letter]),
            // A URL is a link also without a format.
            ':' if rest.as_str().starts_with("//") => escaped.push_str("\\:"),
            // `@everyone` is highlighted even if it notifies nobody.
            '@' => escaped.push_str("@\u{200b}"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn markdown_url(url: &str) -> String {
    url.replace(' ', "%20").replace('<', "%3C").replace('>', "%3E").replace('\\', "%5C")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREIGN: &str = "<!channel> @everyone <@42> **b** _i_ [Details](https://evil.example) `c` > # ||x|| a_b";

    #[test]
    fn text_of_others_is_escaped_for_each_service() {
        let line = [Line::bold("- a"), Line::plain(FOREIGN)];
        assert_eq!(
            Markup::Slack.render(&line),
            "- a\n&lt;!channel&gt; @everyone &lt;@42&gt; **b** _i_ [Details](https://evil.example) `c` &gt; # ||x|| a_b"
        );
        assert_eq!(
            Markup::Markdown.render(&line),
            "**- a**\n\\<!channel\\> @\u{200b}everyone \\<@\u{200b}42\\> \\*\\*b\\*\\* \\_i\\_ \\[Details\\](https\\://evil.example) \
             \\`c\\` \\> \\# \\|\\|x\\|\\| a\\_b"
        );
        assert_eq!(Markup::Plain.render(&line), format!("- a\n{FOREIGN}"));
        assert_eq!(
            Markup::Markdown.render(&[Line::plain("-# small"), Line::plain("+ item")]),
            "\\-\\# small\n\\+ item"
        );
    }

    #[test]
    fn links_are_written_as_each_service_expects() {
        let line = [Line::link("Details", "https://eqp.example.com/a b|c>")];
        assert_eq!(Markup::Slack.render(&line), "<https://eqp.example.com/a b%7Cc&gt;|Details>");
        assert_eq!(Markup::Markdown.render(&line), "[Details](<https://eqp.example.com/a%20b|c%3E>)");
        assert_eq!(Markup::Plain.render(&line), "Details: https://eqp.example.com/a b|c>");
    }

    #[test]
    fn a_long_text_loses_its_last_lines_and_no_part_of_a_line() {
        // Each takes two units in UTF-16 and one character.
        let lines = ["😀".repeat(600), "😀".repeat(1_100), "*".repeat(300), "end".to_owned(), "x".repeat(400)];
        let lines = lines.map(Line::plain);
        let markdown = Markup::Markdown.render(&lines);
        assert!(markdown.ends_with(&format!("\n…\n{}\nend\n…", "\\*".repeat(300))), "{markdown}");
        assert!(markdown.encode_utf16().count() <= 2_000);
        let slack = Markup::Slack.render(&lines);
        assert_eq!(slack.lines().count(), 5, "{slack}");
    }
}
