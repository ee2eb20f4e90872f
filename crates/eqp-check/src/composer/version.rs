//! The two forms of a version: what the store's validator script takes, and what its API documents.

/// The suffixes that the validator script knows.
const SUFFIXES: [&str; 8] = ["patch", "p", "dev", "alpha", "a", "beta", "b", "rc"];

/// Whether the store takes it: `v?N.N.N` and a suffix with or without a number.
pub(crate) fn is_version(version: &str) -> bool {
    let lower = version.to_ascii_lowercase();
    let (numbers, suffix) = match lower.split_once('-') {
        Some((numbers, suffix)) => (numbers, Some(suffix)),
        None => (lower.as_str(), None),
    };
    is_plain(numbers.strip_prefix('v').unwrap_or(numbers))
        && suffix.is_none_or(|suffix| {
            let word = suffix.trim_end_matches(|letter: char| letter.is_ascii_digit());
            SUFFIXES.contains(&word)
        })
}

/// Whether it is `major.minor.patch` and nothing else.
pub(crate) fn is_plain(version: &str) -> bool {
    let parts: Vec<_> = version.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
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
}
