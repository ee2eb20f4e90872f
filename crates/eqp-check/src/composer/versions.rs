//! Version numbers: the formats that the store accepts, and the PHP versions of Commerce.

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
pub fn php_versions(claim: &str) -> Option<(&'static str, &'static [(u32, u32)])> {
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
}
