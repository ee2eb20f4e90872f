//! Patterns in which `*` matches any characters.

/// Returns whether a text matches a pattern, in time proportional to the product of their lengths.
pub(super) fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    // Without a `*`, the whole text was the prefix.
    let Some(_) = parts.peek() else { return rest.is_empty() };
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        // The first occurrence leaves the most for the parts that follow.
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("acme/shop", "acme/shop", true),
            ("acme/shop", "acme/shop2", false),
            ("acme/*", "acme/shop", true),
            ("acme/*", "acme/", true),
            ("*shop", "acme/shop", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("ab*ba", "aba", false),
            ("**", "ä", true),
        ] {
            assert_eq!(matches_wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn replacing_a_part_by_a_star_still_matches(start in "[ab/]{0,5}", middle in "[ab/ä]{0,5}", end in "[ab/]{0,5}") {
            let text = format!("{start}{middle}{end}");
            let pattern = format!("{start}*{end}");
            prop_assert!(matches_wildcard(&pattern, &text));
            prop_assert!(matches_wildcard(&text, &text));
            prop_assert!(matches_wildcard("*", &text));
        }
    }
}
