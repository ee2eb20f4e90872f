//! Version numbers: the formats that the store accepts, Composer's version constraints as far as they are used for PHP (`^8.1`,
//! `~8.1.0||~8.2.0`, `>=8.1 <8.5`, `8.1 - 8.3`), and the PHP versions of Commerce.

/// The maximum length of a constraint. Each of its bounds is compared with many versions.
const MAX_BYTES: usize = 1_000;

/// A version with three numbers.
type Version = (u32, u32, u32);

/// A constraint in disjunctive form: a version must satisfy all bounds of at least one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Constraint(Vec<Vec<Bound>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    AtLeast(Version),
    Above(Version),
    Below(Version),
    AtMost(Version),
    Not(Version),
}

impl Constraint {
    /// Parses a constraint. Returns `None` if the syntax is not supported.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let any: Option<Vec<_>> = text.replace("||", "|").split('|').map(all_of).collect();
        any.map(Self)
    }

    /// Returns whether any patch of `major.minor` is allowed.
    pub(crate) fn allows(&self, major: u32, minor: u32) -> bool {
        (0..100).any(|patch| {
            let version = (major, minor, patch);
            self.0.iter().any(|bounds| bounds.iter().all(|bound| bound.holds(version)))
        })
    }
}

impl Bound {
    fn holds(self, version: Version) -> bool {
        match self {
            Self::AtLeast(bound) => version >= bound,
            Self::Above(bound) => version > bound,
            Self::Below(bound) => version < bound,
            Self::AtMost(bound) => version <= bound,
            Self::Not(bound) => version != bound,
        }
    }
}

fn all_of(text: &str) -> Option<Vec<Bound>> {
    if let Some((from, to)) = text.split_once(" - ") {
        let (from, to) = (numbers(from.trim())?, numbers(to.trim())?);
        let upper = if to.len() == 3 { Bound::AtMost(version(&to)) } else { Bound::Below(after(&to)) };
        return Some(vec![Bound::AtLeast(version(&from)), upper]);
    }
    // A space can follow an operator; between two bounds it means "and".
    let mut joined = text.replace(',', " ");
    for sign in [">=", "<=", "!=", ">", "<", "^", "~", "="] {
        while joined.contains(&format!("{sign} ")) {
            joined = joined.replace(&format!("{sign} "), sign);
        }
    }
    let mut bounds = Vec::new();
    let mut parts = joined.split_whitespace().peekable();
    parts.peek()?;
    for part in parts {
        bounds.extend(one(part)?);
    }
    Some(bounds)
}

fn one(part: &str) -> Option<Vec<Bound>> {
    let part = part.split_once('@').map_or(part, |(part, _)| part);
    for (sign, make) in [
        (">=", Bound::AtLeast as fn(Version) -> Bound),
        ("<=", Bound::AtMost),
        ("!=", Bound::Not),
        ("<>", Bound::Not),
        (">", Bound::Above),
        ("<", Bound::Below),
    ] {
        if let Some(rest) = part.strip_prefix(sign) {
            return Some(vec![make(version(&numbers(rest)?))]);
        }
    }
    if let Some(rest) = part.strip_prefix('^') {
        let given = numbers(rest)?;
        let upper = match version(&given) {
            (0, minor, _) if given.len() > 1 => (0, minor + 1, 0),
            (major, _, _) => (major + 1, 0, 0),
        };
        return Some(vec![Bound::AtLeast(version(&given)), Bound::Below(upper)]);
    }
    if let Some(rest) = part.strip_prefix('~') {
        let given = numbers(rest)?;
        let upper = if given.len() == 3 { after(&given[..2]) } else { after(&given[..1]) };
        return Some(vec![Bound::AtLeast(version(&given)), Bound::Below(upper)]);
    }
    if part == "*" {
        return Some(Vec::new());
    }
    if let Some(rest) = part.strip_suffix(".*").or_else(|| part.strip_suffix(".x")) {
        let given = numbers(rest)?;
        return Some(vec![Bound::AtLeast(version(&given)), Bound::Below(after(&given))]);
    }
    let exact = version(&numbers(part.strip_prefix('=').unwrap_or(part))?);
    Some(vec![Bound::AtLeast(exact), Bound::AtMost(exact)])
}

/// Parses one to three numbers. A suffix such as `-dev` and a fourth number, which PHP versions do not have, are ignored.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split_once('-').map_or(text, |(numbers, _)| numbers);
    let numbers: Option<Vec<u32>> =
        text.split('.').take(3).map(|part| part.parse().ok().filter(|n| *n < 1_000_000)).collect();
    numbers
}

fn version(numbers: &[u32]) -> Version {
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
    (at(0), at(1), at(2))
}

/// Returns the first version after all versions with this prefix.
fn after(numbers: &[u32]) -> Version {
    match *numbers {
        [major] => (major + 1, 0, 0),
        [major, minor] => (major, minor + 1, 0),
        _ => {
            let (major, minor, patch) = version(numbers);
            (major, minor, patch + 1)
        }
    }
}

/// The suffixes that the validator script accepts.
const SUFFIXES: [&str; 8] = ["patch", "p", "dev", "alpha", "a", "beta", "b", "rc"];

/// Returns whether the validator script accepts the version: `v?N.N.N` with an optional suffix, which can have a number.
pub fn is_version(version: &str) -> bool {
    let lower = version.to_ascii_lowercase();
    let (numbers, suffix) = match lower.split_once('-') {
        Some((numbers, suffix)) => (numbers, Some(suffix)),
        None => (lower.as_str(), None),
    };
    is_plain(numbers.strip_prefix('v').unwrap_or(numbers))
        && suffix.is_none_or(|suffix| {
            let name = suffix.trim_end_matches(|letter: char| letter.is_ascii_digit());
            SUFFIXES.contains(&name)
        })
}

/// Returns whether the version is exactly `major.minor.patch`.
pub(crate) fn is_plain(version: &str) -> bool {
    let parts: Vec<_> = version.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The Commerce release lines with their PHP versions, newest first. From the system requirements of Adobe Commerce as of 2026-11, without
/// versions that are only supported for upgrades.
const LINES: [(&str, &[(u32, u32)]); 6] = [
    ("2.4.9", &[(8, 4), (8, 5)]),
    ("2.4.8", &[(8, 3), (8, 4)]),
    ("2.4.7", &[(8, 2), (8, 3)]),
    ("2.4.6", &[(8, 1), (8, 2)]),
    ("2.4.5", &[(8, 1)]),
    ("2.4.4", &[(8, 1)]),
];

/// Returns the release line for a claim such as `2.4` (the newest line), `2.4.7` or `2.4.7-p3`, with the PHP versions that its newest
/// patch supports. The store installs packages with each of them.
pub(crate) fn php_versions(claim: &str) -> Option<(&'static str, &'static [(u32, u32)])> {
    let claim = claim.trim();
    let line = claim.split_once('-').map_or(claim, |(line, _)| line).trim_end_matches(".x").trim_end_matches(".*");
    LINES.into_iter().find(|(name, _)| *name == line || name.rsplit_once('.').is_some_and(|(minor, _)| minor == line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_takes_a_suffix_and_the_api_does_not() {
        for version in ["1.2.3", "10.0.0"] {
            assert!(is_version(version) && is_plain(version), "{version}");
        }
        for version in ["v1.2.3", "1.2.3-p1", "1.2.3-BETA2", "1.2.3-rc", "V1.2.3-dev"] {
            assert!(is_version(version) && !is_plain(version), "{version}");
        }
        for version in
            ["", "1.2", "1.2.3.4", "1.2.x", "1.2.3-", "1.2.3-final", "1.2.3-p1a", "1..3", "vv1.2.3", "1.2.3+b"]
        {
            assert!(!is_version(version), "{version}");
        }
    }

    #[test]
    fn a_claim_is_its_line_s_newest_patch() {
        assert_eq!(php_versions("2.4").unwrap().0, "2.4.9");
        assert_eq!(php_versions("2.4.x").unwrap().0, "2.4.9");
        assert_eq!(php_versions("2.4.6-p9").unwrap(), ("2.4.6", &[(8, 1), (8, 2)][..]));
        assert_eq!(php_versions("2.3"), None);
    }

    use proptest::prelude::*;

    #[test]
    fn constraints_allow_what_composer_allows() {
        let cases: [(&str, &[u32]); 18] = [
            ("^8.1", &[1, 2, 3, 4, 5]),
            (">=8.1", &[1, 2, 3, 4, 5]),
            (">= 8.1 < 8.4", &[1, 2, 3]),
            (">=8.1,<8.4", &[1, 2, 3]),
            ("~8.1.0||~8.2.0", &[1, 2]),
            ("~8.1.0 || ~8.2.0 | ~8.3.0", &[1, 2, 3]),
            ("~8.2", &[2, 3, 4, 5]),
            ("8.1.*", &[1]),
            ("8.1 - 8.3", &[1, 2, 3]),
            ("8.1.0 - 8.3.0", &[1, 2, 3]),
            ("*", &[1, 2, 3, 4, 5]),
            ("^7.4||^8.0", &[1, 2, 3, 4, 5]),
            ("~7.4.0", &[]),
            ("8.2.7", &[2]),
            (">8.1.99", &[2, 3, 4, 5]),
            ("^8.1 !=8.2.0", &[1, 2, 3, 4, 5]),
            ("<=8.2", &[1, 2]),
            (">=8.1@stable", &[1, 2, 3, 4, 5]),
        ];
        for (text, minors) in cases {
            let constraint = Constraint::parse(text).unwrap_or_else(|| panic!("{text} is not understood"));
            let allowed: Vec<u32> = (1..=5).filter(|minor| constraint.allows(8, *minor)).collect();
            assert_eq!(allowed, minors, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for text in ["", "dev-main", "self.version", "^8.1 ||", "8.x.1", "99999999999"] {
            assert_eq!(Constraint::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9.|<>=~^ ,*x@v-]{0,24}") {
            if let Some(constraint) = Constraint::parse(&text) {
                constraint.allows(8, 1);
            }
        }
    }
}
