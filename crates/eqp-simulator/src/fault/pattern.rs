//! Patterns with `*` for any text.

/// A pattern in which `*` matches any text; letter case is ignored.
///
/// ```
/// use eqp_simulator::Pattern;
///
/// assert!(Pattern::from("*-badges*").fits("Acme-Badges-1.2.0.zip"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Returns whether the whole text matches.
    pub fn fits(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let mut pieces = self.0.split('*');
        let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let mut pieces = pieces.peekable();
        if pieces.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return rest.ends_with(piece);
            }
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        true
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self(text.to_lowercase())
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_text() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("*b*", "abc", true),
            ("a*c*e", "abcde", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("*.ZIP", "x.zip", true),
            ("a*d", "abc", false),
        ] {
            assert_eq!(Pattern::from(pattern).fits(text), fits, "{pattern} {text}");
        }
    }
}
