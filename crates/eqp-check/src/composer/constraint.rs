//! Composer's version constraints, as far as they are used for PHP: `^8.1`, `~8.1.0||~8.2.0`, `>=8.1 <8.5`, `8.1 - 8.3`.

/// Nobody writes a longer one, and each of its bounds is tried with many versions.
const LONGEST: usize = 1_000;

/// A version of three numbers.
type Version = (u32, u32, u32);

/// A constraint: any of these, each all of those.
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
    /// Reads a constraint; `None` for what is not understood here.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let any: Option<Vec<_>> = text.replace("||", "|").split('|').map(all_of).collect();
        any.map(Self)
    }

    /// Whether some patch of `major.minor` is allowed.
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
    // A space between a sign and its version is allowed, a space between two parts is "and".
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

/// One to three numbers, a suffix such as `-dev` left out. A fourth number means nothing for PHP.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split_once('-').map_or(text, |(numbers, _)| numbers);
    let numbers: Option<Vec<u32>> =
        text.split('.').take(3).map(|part| part.parse().ok().filter(|n| *n < 1_000_000)).collect();
    numbers
}

fn version(numbers: &[u32]) -> Version {
    let at = |place: usize| numbers.get(place).copied().unwrap_or(0);
    (at(0), at(1), at(2))
}

/// The first version after all that begin so.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
