//! Compares versions of packages as Composer does.

use std::cmp::Ordering;

/// Compares two versions, such as `1.9.3` and `1.10.0-beta2`. Versions that are not numbers are compared part by part, as texts.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    let length = one.len().max(other.len());
    let part = |parts: &[Part], at: usize| parts.get(at).cloned().unwrap_or(Part::End);
    (0..length).map(|at| part(&one, at).cmp(&part(&other, at))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// A part of a version, in ascending order: a pre-release is lower than the release, and a patch is higher.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text(String),
    Dev,
    Alpha,
    Beta,
    Candidate,
    /// No further part, or a part that is zero: `1.0` is `1.0.0`.
    End,
    Patch,
    Number(u64),
}

/// Splits a version at separators, and between digits and letters. Build metadata is ignored.
fn parts(version: &str) -> Vec<Part> {
    let version = version.trim().to_ascii_lowercase();
    let version = version.strip_prefix('v').unwrap_or(&version).split('+').next().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for letter in version.chars() {
        let kind = if letter.is_ascii_digit() { Some('0') } else { letter.is_alphanumeric().then_some('a') };
        match (kind, words.last_mut()) {
            (Some(_), Some(word)) if kind == last => word.push(letter),
            (Some(_), _) => words.push(letter.to_string()),
            (None, _) => {}
        }
        last = kind;
    }
    words.iter().map(|word| part(word)).collect()
}

fn part(word: &str) -> Part {
    match word {
        "dev" => Part::Dev,
        "alpha" | "a" => Part::Alpha,
        "beta" | "b" => Part::Beta,
        "rc" => Part::Candidate,
        "p" | "pl" | "patch" => Part::Patch,
        word => match word.parse() {
            Ok(0) => Part::End,
            Ok(number) => Part::Number(number),
            // A number that is too large for this is compared as a text.
            Err(_) => Part::Text(word.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_in_the_order_in_which_they_are_released() {
        let ascending = [
            "0.9",
            "1.0.0-dev",
            "1.0.0-alpha1",
            "1.0.0-alpha2",
            "1.0.0-beta1",
            "1.0.0-RC1",
            "1.0.0",
            "1.0.0-p1",
            "1.0.1",
            "1.9.3",
            "1.10.0",
            "v2.0.0",
            "2.0.0.1",
            "10",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        for (one, other) in [("1.0", "1.0.0"), ("v1.0.0", "1.0.0"), ("1.0.0+7", "1.0.0"), ("", "0")] {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn any_texts_have_an_order(one in ".{0,20}", other in ".{0,20}", third in ".{0,20}") {
            prop_assert_eq!(compare(&one, &other), compare(&other, &one).reverse());
            if compare(&one, &other).is_le() && compare(&other, &third).is_le() {
                prop_assert!(compare(&one, &third).is_le());
            }
        }
    }
}
