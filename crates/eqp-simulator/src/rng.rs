//! Reproducible random numbers: a pure function of a seed and of labels.
//!
//! There is no state, so the numbers for one submission do not depend on what else happens.

/// Returns a number that depends on the seed and the labels.
pub(crate) fn number(seed: u64, labels: &[&str]) -> u64 {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for label in labels {
        for byte in label.bytes().chain([0xff]) {
            state = mixed(state ^ u64::from(byte));
        }
    }
    mixed(state)
}

/// Returns a number from 0 (inclusive) to 1 (exclusive).
#[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
pub(crate) fn fraction(seed: u64, labels: &[&str]) -> f64 {
    (number(seed, labels) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns `length` letters and digits.
pub(crate) fn letters(seed: u64, labels: &[&str], length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = number(seed, labels);
    (0..length)
        .map(|_| {
            let letter = ALPHABET[usize::try_from(rest % 36).unwrap_or(0)];
            rest = mixed(rest);
            char::from(letter)
        })
        .collect()
}

/// Applies the finalizer of splitmix64.
fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_labels_give_the_same() {
        assert_eq!(letters(7, &["submission", "1"], 9), letters(7, &["submission", "1"], 9));
        assert_ne!(number(7, &["a"]), number(8, &["a"]));
        assert_ne!(number(7, &["a", "b"]), number(7, &["ab"]));
    }

    #[test]
    fn fractions_spread_evenly() {
        let below: usize = (0..1000).filter(|n: &u32| fraction(1, &[&n.to_string()]) < 0.25).count();
        assert!((200..300).contains(&below), "{below}");
    }
}
