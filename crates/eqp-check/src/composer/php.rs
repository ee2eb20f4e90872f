//! Which versions of PHP the newest patches of Commerce support. The store installs with each of them.
//!
//! From the system requirements of Adobe Commerce as of 2026-11; versions that are there for upgrades only are left out.

/// A line of Commerce with its versions of PHP, newest line first.
const LINES: [(&str, &[(u32, u32)]); 6] = [
    ("2.4.9", &[(8, 4), (8, 5)]),
    ("2.4.8", &[(8, 3), (8, 4)]),
    ("2.4.7", &[(8, 2), (8, 3)]),
    ("2.4.6", &[(8, 1), (8, 2)]),
    ("2.4.5", &[(8, 1)]),
    ("2.4.4", &[(8, 1)]),
];

/// The line that a claim such as `2.4`, `2.4.7` or `2.4.7-p3` stands for, with its versions of PHP. `2.4` is the newest of
/// its kind.
pub(crate) fn php_of(claim: &str) -> Option<(&'static str, &'static [(u32, u32)])> {
    let claim = claim.trim();
    let line = claim.split_once('-').map_or(claim, |(line, _)| line).trim_end_matches(".x").trim_end_matches(".*");
    LINES.into_iter().find(|(name, _)| *name == line || name.rsplit_once('.').is_some_and(|(minor, _)| minor == line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_its_line_s_newest_patch() {
        assert_eq!(php_of("2.4").unwrap().0, "2.4.9");
        assert_eq!(php_of("2.4.x").unwrap().0, "2.4.9");
        assert_eq!(php_of("2.4.6-p9").unwrap(), ("2.4.6", &[(8, 1), (8, 2)][..]));
        assert_eq!(php_of("2.3"), None);
    }
}
