//! Composer's version constraints: exact versions, comparisons, `^`, `~`, ranges, wildcards, `||`, commas and spaces.

use super::version::Version;

/// The maximum length of a constraint. Each of its bounds is compared with many versions.
const MAX_BYTES: usize = 1_000;

/// A constraint in disjunctive form: a version must satisfy all bounds of at least one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint(Vec<Vec<Bound>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    AtLeast(Version),
    Above(Version),
    Below(Version),
    AtMost(Version),
    Exactly(Version),
    Not(Version),
}

impl Constraint {
    /// Parses a constraint. Returns `None` if the syntax is not supported, as for branches (`dev-main`) and aliases.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let any: Option<Vec<_>> = text.replace("||", "|").split('|').map(all_of).collect();
        any.map(Self)
    }

    /// Returns whether the version is allowed. The stability that a project accepts is not considered.
    pub fn allows(&self, version: &Version) -> bool {
        self.0.iter().any(|bounds| bounds.iter().all(|bound| bound.holds(version)))
    }

    /// Returns whether any patch of `major.minor` is allowed.
    pub fn allows_minor(&self, major: u32, minor: u32) -> bool {
        (0..100).any(|patch| self.allows(&Version::of([major.into(), minor.into(), patch, 0])))
    }
}

impl Bound {
    fn holds(&self, version: &Version) -> bool {
        match self {
            Self::AtLeast(bound) => version >= bound,
            Self::Above(bound) => version > bound,
            Self::Below(bound) => version < bound,
            Self::AtMost(bound) => version <= bound,
            Self::Exactly(bound) => version == bound,
            Self::Not(bound) => version != bound,
        }
    }
}

fn all_of(text: &str) -> Option<Vec<Bound>> {
    if let Some((from, to)) = text.split_once(" - ") {
        let (from, to) = (Version::parse(from)?, Version::parse(to)?);
        let given = to.numbers().len();
        let upper = if given >= 3 || to.has_suffix() { Bound::AtMost(to) } else { Bound::Below(to.after(given)) };
        return Some(vec![Bound::AtLeast(from.or_dev()), upper]);
    }
    // A space can follow an operator; between two bounds it means "and".
    let mut joined = text.replace(',', " ");
    for sign in [">=", "<=", "!=", "<>", "==", ">", "<", "^", "~", "="] {
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
    if let Some(rest) = part.strip_prefix('^') {
        return between(rest, |numbers| match *numbers {
            [0, 0] => 2,
            [0, 0, ..] => 3,
            [0, _, ..] => 2,
            _ => 1,
        });
    }
    if let Some(rest) = part.strip_prefix('~') {
        return between(rest, |numbers| numbers.len().saturating_sub(1).max(1));
    }
    for (sign, make) in [
        (">=", (|version: Version| Bound::AtLeast(version.or_dev())) as fn(Version) -> Bound),
        ("<=", Bound::AtMost),
        ("!=", Bound::Not),
        ("<>", Bound::Not),
        (">", Bound::Above),
        ("<", |version| Bound::Below(version.or_dev())),
        ("==", Bound::Exactly),
        ("=", Bound::Exactly),
    ] {
        if let Some(rest) = part.strip_prefix(sign) {
            return Some(vec![make(Version::parse(rest)?)]);
        }
    }
    let numbers = part.trim_end_matches(".*").trim_end_matches(".x").trim_end_matches(".X");
    if matches!(numbers, "*" | "x" | "X") {
        return Some(Vec::new());
    }
    if numbers.len() < part.len() {
        return between(numbers, <[u64]>::len).filter(|_| numbers.bytes().all(|byte| byte != b'-'));
    }
    Some(vec![Bound::Exactly(Version::parse(part)?)])
}

/// Returns the bounds from a version up to all versions that begin with its first numbers, whose count `fixed` returns.
fn between(text: &str, fixed: impl Fn(&[u64]) -> usize) -> Option<Vec<Bound>> {
    let version = Version::parse(text.strip_suffix(".*").or_else(|| text.strip_suffix(".x")).unwrap_or(text))?;
    let upper = version.after(fixed(version.numbers()));
    Some(vec![Bound::AtLeast(version.or_dev()), Bound::Below(upper)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn constraints_allow_what_composer_allows() {
        let cases: [(&str, &[&str], &[&str]); 26] = [
            ("1.2.0", &["1.2.0", "v1.2", "1.2.0.0"], &["1.2.1", "1.2.0-beta1", "1.2.0-p1"]),
            ("=1.2", &["1.2.0"], &["1.2.1"]),
            ("== 1.2", &["1.2.0"], &["1.2.1"]),
            ("^1.2", &["1.2.0", "1.99.0", "1.2.0-beta1"], &["1.1.9", "2.0.0", "2.0.0-beta1"]),
            ("^1.2.3", &["1.2.3", "1.3.0"], &["1.2.2", "2.0.0"]),
            ("^0.3", &["0.3.0", "0.3.9"], &["0.4.0", "0.2.9"]),
            ("^0.0.3", &["0.0.3", "0.0.3.1"], &["0.0.4"]),
            ("^0", &["0.9.0"], &["1.0.0"]),
            ("^1.2.0-beta2", &["1.2.0-beta2", "1.2.0"], &["1.2.0-beta1"]),
            ("~1.2", &["1.2.0", "1.9.0"], &["2.0.0", "1.1.0"]),
            ("~1.2.3", &["1.2.3", "1.2.9"], &["1.3.0", "1.2.2"]),
            ("~1.2.3.4", &["1.2.3.4", "1.2.3.9"], &["1.2.4"]),
            ("~1", &["1.0.0", "1.9.0"], &["2.0.0"]),
            ("1.2.*", &["1.2.0", "1.2.99"], &["1.3.0"]),
            ("1.x", &["1.0.0", "1.99.0"], &["2.0.0"]),
            ("1.*.*", &["1.0.0", "1.99.0"], &["2.0.0"]),
            ("*", &["0.1.0", "9.0.0"], &[]),
            ("1.0 - 2.0", &["1.0.0", "2.0.9"], &["2.1.0", "0.9.0"]),
            ("1.0.0 - 2.0.0", &["1.0.0", "2.0.0"], &["2.0.1"]),
            (">=1.2 <2.0", &["1.2.0", "1.9.9", "1.2.0-beta1"], &["2.0.0", "2.0.0-RC1"]),
            (">= 1.2, < 2.0", &["1.2.0"], &["2.0.0"]),
            (">1.2 !=1.3.0", &["1.2.1", "1.3.1"], &["1.2.0", "1.3.0"]),
            ("<=1.2", &["1.2.0", "1.0.0"], &["1.2.1"]),
            ("^1.2 || ^3.0", &["1.5.0", "3.1.0"], &["2.0.0"]),
            ("^1.2|^3.0", &["1.5.0", "3.1.0"], &["2.0.0"]),
            ("^1.2@beta", &["1.5.0"], &["2.0.0"]),
        ];
        for (text, allowed, others) in cases {
            let constraint = Constraint::parse(text).unwrap_or_else(|| panic!("{text} is not supported"));
            let allows = |version: &str| constraint.allows(&Version::parse(version).unwrap());
            assert!(allowed.iter().all(|version| allows(version)), "{text} allows {allowed:?}");
            assert!(!others.iter().any(|version| allows(version)), "{text} excludes {others:?}");
        }
    }

    #[test]
    fn constraints_on_php_allow_minor_versions() {
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
            let constraint = Constraint::parse(text).unwrap_or_else(|| panic!("{text} is not supported"));
            let allowed: Vec<u32> = (1..=5).filter(|minor| constraint.allows_minor(8, *minor)).collect();
            assert_eq!(allowed, minors, "{text}");
        }
    }

    #[test]
    fn an_unsupported_constraint_is_not_guessed() {
        for text in ["", "dev-main", "self.version", "^8.1 ||", "8.x.1", "99999999999", "1.0.x-dev as 1.0.0", "1.x-dev"]
        {
            assert_eq!(Constraint::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9.|<>=~^ ,*x@v-]{0,24}") {
            if let Some(constraint) = Constraint::parse(&text) {
                constraint.allows_minor(8, 1);
            }
        }
    }
}
