//! The lines of a text.

/// A line of a text: its parts, which are not escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line(Vec<Part>);

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Plain(String),
    Bold(String),
    /// A URL with a text of our own.
    Link {
        text: &'static str,
        url: String,
    },
}

impl Line {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self(vec![Part::Plain(text.into())])
    }

    pub(crate) fn bold(text: impl Into<String>) -> Self {
        Self(vec![Part::Bold(text.into())])
    }

    pub(crate) fn link(text: &'static str, url: &str) -> Self {
        Self(vec![Part::Link { text, url: one_line(url) }])
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }
}

/// Returns a text of others in one line.
pub(crate) fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().to_owned()
}
