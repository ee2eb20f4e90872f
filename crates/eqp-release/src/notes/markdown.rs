//! Converts Markdown to the simple HTML that the store accepts: paragraphs, headings, lists, emphasis and links. Everything else becomes
//! text or is dropped, with a warning. Pure.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

/// The beginnings of the addresses of links.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];
/// The tags of raw HTML whose content is dropped, too.
const DROPPED: [&str; 2] = ["script", "style"];

/// HTML from Markdown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// The HTML. It consists of `p`, `br`, `h3`, `h4`, `ul`, `ol`, `li`, `strong`, `em` and `a` with `href`.
    pub html: String,
    /// The parts that could not be converted, as sentences without a full stop.
    pub warnings: Vec<String>,
}

/// Converts Markdown to simple HTML.
///
/// ```
/// let converted = eqp_release::notes::to_html("## Added\n\n- **Badges** <script>alert(1)</script>");
/// assert_eq!(converted.html, "<h3>Added</h3><ul><li><strong>Badges</strong> </li></ul>");
/// assert_eq!(converted.warnings, ["HTML was dropped, and its text kept: <script>"]);
/// ```
pub fn to_html(markdown: &str) -> Converted {
    let mut writer = Writer::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        writer.event(event);
    }
    let html = writer.html.trim_end().to_owned();
    Converted { html, warnings: writer.warnings.into_iter().collect() }
}

#[derive(Default)]
struct Writer {
    html: String,
    warnings: BTreeSet<String>,
    /// The open links: whether each was written.
    links: Vec<bool>,
    /// The raw tag whose content is being dropped.
    hidden: Option<String>,
    /// A block of raw HTML.
    block: Option<String>,
    in_code: bool,
    /// Whether a cell of a table follows another one in its row.
    is_later_cell: bool,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Html(html) => match &mut self.block {
                Some(block) => block.push_str(&html),
                None => self.raw(&html),
            },
            Event::InlineHtml(html) => self.raw(&html),
            _ if self.hidden.is_some() => {}
            Event::Text(text) if self.in_code => {
                let lines: Vec<String> = text.trim_end_matches('\n').split('\n').map(escaped).collect();
                self.html.push_str(&lines.join("<br>"));
            }
            Event::Text(text) | Event::Code(text) => self.html.push_str(&escaped(&text)),
            Event::SoftBreak => self.html.push(' '),
            Event::HardBreak => self.html.push_str("<br>"),
            Event::Rule => self.warn("horizontal rules were dropped"),
            Event::FootnoteReference(_) | Event::TaskListMarker(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {
                unreachable!("these extensions are not enabled")
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.html.push_str("<p>"),
            Tag::Heading { level, .. } => self.html.push_str(if is_high(level) { "<h3>" } else { "<h4>" }),
            Tag::List(None) => self.html.push_str("<ul>"),
            Tag::List(Some(_)) => self.html.push_str("<ol>"),
            Tag::Item => self.html.push_str("<li>"),
            Tag::Strong => self.html.push_str("<strong>"),
            Tag::Emphasis => self.html.push_str("<em>"),
            Tag::Link { link_type, dest_url, .. } => {
                let scheme = if link_type == LinkType::Email { "mailto:" } else { "" };
                let address = format!("{scheme}{}", dest_url.to_ascii_lowercase());
                let is_allowed = SCHEMES.iter().any(|scheme| address.starts_with(scheme)) && self.hidden.is_none();
                if is_allowed {
                    self.html.push_str("<a href=\"");
                    self.html.push_str(scheme);
                    self.html.push_str(&escaped(&dest_url));
                    self.html.push_str("\">");
                } else {
                    self.warn("links without http, https or mailto became text");
                }
                self.links.push(is_allowed);
            }
            Tag::Image { .. } => self.warn("images were replaced by their descriptions"),
            Tag::CodeBlock(_) => {
                self.in_code = true;
                self.html.push_str("<p>");
            }
            Tag::Table(_) => self.warn("tables were replaced by one paragraph for each row"),
            Tag::TableHead | Tag::TableRow => {
                self.is_later_cell = false;
                self.html.push_str("<p>");
            }
            Tag::TableCell => {
                if std::mem::replace(&mut self.is_later_cell, true) {
                    self.html.push_str(" | ");
                }
            }
            Tag::HtmlBlock => self.block = Some(String::new()),
            Tag::Strikethrough => self.warn("struck out text is not marked any more"),
            Tag::BlockQuote(_)
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::TableHead | TagEnd::TableRow => self.html.push_str("</p>"),
            TagEnd::Heading(level) => self.html.push_str(if is_high(level) { "</h3>" } else { "</h4>" }),
            TagEnd::List(false) => self.html.push_str("</ul>"),
            TagEnd::List(true) => self.html.push_str("</ol>"),
            TagEnd::Item => self.html.push_str("</li>"),
            TagEnd::Strong => self.html.push_str("</strong>"),
            TagEnd::Emphasis => self.html.push_str("</em>"),
            TagEnd::Link if self.links.pop() == Some(true) => self.html.push_str("</a>"),
            TagEnd::CodeBlock => {
                self.in_code = false;
                self.html.push_str("</p>");
            }
            TagEnd::HtmlBlock => {
                let block = self.block.take().unwrap_or_default();
                let before = self.html.len();
                self.html.push_str("<p>");
                let begin = self.html.len();
                self.raw(block.trim());
                self.hidden = None;
                let text = self.html[begin..].split_whitespace().collect::<Vec<_>>().join(" ");
                if text.is_empty() {
                    self.html.truncate(before);
                } else {
                    self.html.truncate(begin);
                    self.html.push_str(&text);
                    self.html.push_str("</p>");
                }
            }
            _ => {}
        }
    }

    /// Writes the text of raw HTML without its tags.
    fn raw(&mut self, html: &str) {
        let mut rest = html;
        while let Some(open) = rest.find('<') {
            self.text(&rest[..open]);
            rest = &rest[open..];
            if let Some(comment) = rest.strip_prefix("<!--") {
                rest = comment.split_once("-->").map_or("", |(_, after)| after);
                continue;
            }
            let (tag, after) = rest.split_once('>').unwrap_or((rest, ""));
            rest = after;
            let (is_end, name) = tag[1..].strip_prefix('/').map_or((false, &tag[1..]), |name| (true, name));
            let name = name.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
            let name = name.to_ascii_lowercase();
            if !is_end && name != "br" {
                self.warn(format!("HTML was dropped, and its text kept: <{name}>"));
            }
            if is_end && self.hidden.as_deref() == Some(&name) {
                self.hidden = None;
            } else if !is_end && self.hidden.is_none() && DROPPED.contains(&name.as_str()) {
                self.hidden = Some(name);
            } else if name == "br" && self.hidden.is_none() {
                self.html.push_str("<br>");
            }
        }
        self.text(rest);
    }

    /// Writes text from raw HTML, in which characters may be escaped already.
    fn text(&mut self, text: &str) {
        if self.hidden.is_none() {
            self.html.push_str(&text.replace('>', "&gt;").replace('"', "&quot;"));
        }
    }

    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.insert(warning.into());
    }
}

/// Returns whether a heading is one of the outermost two levels of a section, such as `## Added` and `### Added`.
fn is_high(level: HeadingLevel) -> bool {
    level <= HeadingLevel::H3
}

fn escaped(text: impl AsRef<str>) -> String {
    text.as_ref().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_accepts_is_converted() {
        for (markdown, expected) in [
            ("### Added\n\n- one\n- two *really*\n", "<h3>Added</h3><ul><li>one</li><li>two <em>really</em></li></ul>"),
            ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
            ("- a\n\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"),
            ("one\ntwo  \nthree", "<p>one two<br>three</p>"),
            ("Use `a < b && c`", "<p>Use a &lt; b &amp;&amp; c</p>"),
            ("```php\n<?php\necho 1;\n```", "<p>&lt;?php<br>echo 1;</p>"),
            ("> quoted", "<p>quoted</p>"),
            ("#### Deep", "<h4>Deep</h4>"),
            ("[a](https://a.example/?x=1&y=2 \"t\")", "<p><a href=\"https://a.example/?x=1&amp;y=2\">a</a></p>"),
            ("<me@a.example>", "<p><a href=\"mailto:me@a.example\">me@a.example</a></p>"),
            ("a<br>b <!-- hidden -->", "<p>a<br>b </p>"),
            ("", ""),
        ] {
            let expected = Converted { html: expected.to_owned(), warnings: Vec::new() };
            assert_eq!(to_html(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn everything_else_becomes_text_with_a_warning() {
        for (markdown, expected, warning) in [
            ("![A badge](a.png)", "<p>A badge</p>", "images"),
            ("| a | b |\n|---|---|\n| 1 | 2 |", "<p>a | b</p><p>1 | 2</p>", "tables"),
            ("[x](javascript:alert(1))", "<p>x</p>", "links"),
            ("[x](docs/a.md)", "<p>x</p>", "links"),
            ("a <b onclick=x>bold</b>", "<p>a bold</p>", "<b>"),
            ("a <script>alert(1)</script> b", "<p>a  b</p>", "<script>"),
            ("<script>\nalert(1)\n\nmore\n</script>\n\nb", "<p>b</p>", "<script>"),
            ("<style>p {}</style>", "", "<style>"),
            ("<details>\n<summary>More</summary>\nx & y\n</details>", "<p>More x & y</p>", "<details>"),
            ("a\n\n---\n\nb", "<p>a</p><p>b</p>", "rules"),
            ("~~gone~~", "<p>gone</p>", "struck out"),
        ] {
            let converted = to_html(markdown);
            assert_eq!(converted.html, expected, "{markdown}");
            assert!(converted.warnings.iter().any(|found| found.contains(warning)), "{markdown}: {converted:?}");
        }
    }

    /// Nothing but the allowed tags can come out, whatever goes in.
    #[test]
    fn only_allowed_tags_are_written() {
        const ALLOWED: [&str; 11] = ["p", "br", "h3", "h4", "ul", "ol", "li", "strong", "em", "a", ""];
        for markdown in [
            "<<script>script>alert(1)<</script>/script>",
            "<img src=x onerror=alert(1)>",
            "<a href=\"javascript:x\">y</a>",
            "[a](https://x.example/\"onclick=\"y)",
            "**<iframe src=//x>** <svg/onload=x>",
            "<p\nstyle=x>text",
            "- <table><tr><td>a</td></tr></table>",
        ] {
            let html = to_html(markdown).html;
            for tag in html.split('<').skip(1) {
                let (tag, _) = tag.split_once('>').expect("every tag is closed");
                let name = tag.trim_start_matches('/').split(' ').next().unwrap();
                assert!(ALLOWED.contains(&name), "{markdown}: {html}");
                assert!(!tag.contains("onclick=\"") && !tag.contains("style="), "{markdown}: {html}");
            }
        }
    }
}
