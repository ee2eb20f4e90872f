//! Versions, as Composer normalizes and compares them.

use std::cmp::Ordering;
use std::fmt;

/// The largest number in a version. Composer accepts at most five digits for the first number; dates as versions have eight.
const MAX_NUMBER: u64 = 99_999_999;
/// The maximum length of a version.
const MAX_BYTES: usize = 100;

/// The stability of a version, in Composer's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stability {
    /// A development version.
    Dev,
    /// An alpha version.
    Alpha,
    /// A beta version.
    Beta,
    /// A release candidate.
    Rc,
    /// A stable version.
    Stable,
    /// A patch of a stable version, such as `1.2.0-p1`, which is stable too.
    Patch,
}

/// A version with up to four numbers and a stability, such as `v1.2`, `1.2.0-beta2` or `2.4.7-p3`. A missing number counts as 0.
///
/// The order is Composer's: `1.2.0-dev` < `1.2.0-beta1` < `1.2.0-RC1` < `1.2.0` < `1.2.0-p1` < `1.2.1`.
#[derive(Clone, Debug)]
pub struct Version {
    numbers: [u64; 4],
    /// The count of numbers in the text.
    given: usize,
    stability: Stability,
    /// The numbers after the stability, such as 2 in `beta2`.
    release: Vec<u64>,
    text: String,
}

impl Version {
    /// Parses a version. Returns `None` for branches (`dev-main`, `1.x-dev`) and any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_BYTES || !text.is_ascii() {
            return None;
        }
        let lower = text.to_ascii_lowercase();
        let plain = lower.strip_prefix('v').unwrap_or(&lower);
        let (plain, build) = plain.split_once('+').unwrap_or((plain, ""));
        if !build.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter)) {
            return None;
        }
        let end = plain.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(plain.len());
        let (numbers, suffix) = plain.split_at(end);
        // In `1.2.beta1`, the dot belongs to the suffix.
        let numbers = if suffix.is_empty() { numbers } else { numbers.strip_suffix('.').unwrap_or(numbers) };
        let parsed: Vec<u64> = numbers.split('.').map(number).collect::<Option<_>>()?;
        if parsed.len() > 4 {
            return None;
        }
        let (stability, release) = suffix_of(suffix)?;
        let mut numbers = [0; 4];
        numbers[..parsed.len()].copy_from_slice(&parsed);
        Some(Self { numbers, given: parsed.len(), stability, release, text: text.to_owned() })
    }

    /// Returns whether Composer considers the version stable.
    pub fn is_stable(&self) -> bool {
        self.stability >= Stability::Stable
    }

    /// Returns the first two numbers, such as `2.1`.
    pub fn major_minor(&self) -> String {
        format!("{}.{}", self.numbers[0], self.numbers[1])
    }

    /// Creates a stable version.
    pub(super) fn of(numbers: [u64; 4]) -> Self {
        let [major, minor, patch, build] = numbers;
        let text = format!("{major}.{minor}.{patch}.{build}");
        Self { numbers, given: 4, stability: Stability::Stable, release: Vec::new(), text }
    }

    /// Returns the lowest version with the same numbers, unless the text has a stability. Lower bounds begin there.
    pub(super) fn or_dev(self) -> Self {
        if self.stability == Stability::Stable { Self { stability: Stability::Dev, ..self } } else { self }
    }

    /// Returns the first version after all that begin with the first `count` numbers.
    pub(super) fn after(&self, count: usize) -> Self {
        let mut numbers = [0; 4];
        numbers[..count].copy_from_slice(&self.numbers[..count]);
        if let Some(last) = count.checked_sub(1) {
            numbers[last] += 1;
        }
        Self::of(numbers).or_dev()
    }

    pub(super) fn numbers(&self) -> &[u64] {
        &self.numbers[..self.given]
    }

    pub(super) fn has_suffix(&self) -> bool {
        self.stability != Stability::Stable
    }
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number <= MAX_NUMBER)
}

/// Parses what follows the numbers, such as `-beta2`, `RC1` or `-p1`.
fn suffix_of(suffix: &str) -> Option<(Stability, Vec<u64>)> {
    let suffix = suffix.strip_prefix(['-', '_', '.']).unwrap_or(suffix);
    let end = suffix.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(suffix.len());
    let (name, rest) = suffix.split_at(end);
    let stability = match name {
        "" | "stable" => Stability::Stable,
        "dev" => Stability::Dev,
        "a" | "alpha" => Stability::Alpha,
        "b" | "beta" => Stability::Beta,
        "rc" => Stability::Rc,
        "p" | "pl" | "patch" => Stability::Patch,
        _ => return None,
    };
    if rest.is_empty() {
        return Some((stability, Vec::new()));
    }
    if matches!(stability, Stability::Stable | Stability::Dev) {
        return None;
    }
    let rest = rest.strip_prefix(['-', '.']).unwrap_or(rest);
    let release = rest.split(['.', '-']).map(number).collect::<Option<_>>()?;
    Some((stability, release))
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |version: &Self| (version.numbers, version.stability);
        key(self).cmp(&key(other)).then_with(|| self.release.cmp(&other.release))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// Writes the version as it was given.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap_or_else(|| panic!("{text} is not a version"))
    }

    #[test]
    fn versions_have_composer_s_order() {
        let ordered = [
            "1.2.0-dev",
            "1.2.0-alpha1",
            "1.2.0-beta1",
            "1.2.0b2",
            "1.2.0-beta.10",
            "1.2.0-RC1",
            "1.2.0",
            "1.2.0-p1",
            "1.2.0-patch2",
            "1.2.0.1",
            "1.2.1",
            "1.10.0",
            "2",
        ];
        for pair in ordered.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        for (one, other) in
            [("v1.2", "1.2.0.0"), ("1.2.0", "V1.2.0+build7"), ("1.2.0-rc1", "1.2.0RC1"), ("1.2.0-stable", "1.2")]
        {
            assert_eq!(version(one), version(other), "{one} {other}");
        }
        assert_eq!(version("v1.2").to_string(), "v1.2");
        assert!(version("2.4.7-p3").is_stable() && !version("2.4.7-beta1").is_stable());
    }

    #[test]
    fn branches_and_other_texts_are_not_versions() {
        for text in [
            "",
            "dev-main",
            "1.x-dev",
            "1.2.x",
            "1.2.3.4.5",
            "1..2",
            "latest",
            "1.2-final",
            "999999999",
            "1.2.0-dev3",
            "1.2-é",
        ] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }
}
