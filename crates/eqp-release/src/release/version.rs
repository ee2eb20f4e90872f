//! Compares versions by their numbers. No I/O.

/// Returns whether `version` has lower numbers than `other`. Returns `false` if one of them does not consist of numbers.
pub fn is_older(version: &str, other: &str) -> bool {
    let (Some(mut version), Some(mut other)) = (numbers(version), numbers(other)) else { return false };
    let length = version.len().max(other.len());
    version.resize(length, 0);
    other.resize(length, 0);
    version < other
}

/// Returns whether both are the same version, ignoring a prefix `v`.
pub(crate) fn is_same(version: &str, other: &str) -> bool {
    without_v(version) == without_v(other)
}

/// Returns whether a version consists of numbers, before a suffix.
pub(super) fn is_numbered(version: &str) -> bool {
    numbers(version).is_some()
}

/// Returns the three numbers of a version without a suffix.
pub(super) fn parts(version: &str) -> Option<[u64; 3]> {
    if without_v(version).contains(['-', '+']) {
        return None;
    }
    numbers(version)?.try_into().ok()
}

/// Returns the numbers before a suffix such as `-beta1` or `-p1`.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let release = without_v(version).split(['-', '+']).next()?;
    release.split('.').map(|part| part.parse().ok()).collect()
}

fn without_v(version: &str) -> &str {
    version.strip_prefix(['v', 'V']).unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, other, older) in [
            ("1.2.0", "1.10.0", true),
            ("1.10.0", "1.2.0", false),
            ("v1.2", "1.2.1", true),
            ("1.2", "1.2.0", false),
            ("1.2.0-beta1", "1.2.0", false),
            ("latest", "1.2.0", false),
        ] {
            assert_eq!(is_older(version, other), older, "{version} {other}");
        }
        assert!(is_same("v1.2.0", "1.2.0") && !is_same("1.2.0", "1.2.1"));
    }
}
