//! Numbers with their nouns.

use std::fmt::Display;

/// `1 file`, `2 files`, `3 copies`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if number == N::from(1) => format!("1 {noun}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!([0_usize, 1, 2].map(|number| counted(number, "warning")), ["0 warnings", "1 warning", "2 warnings"]);
        assert_eq!([1_u64, 2].map(|number| counted(number, "copy")), ["1 copy", "2 copies"]);
        assert_eq!(counted(2_u64, "Composer key"), "2 Composer keys");
    }
}
