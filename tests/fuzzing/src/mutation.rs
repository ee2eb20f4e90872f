//! Generates almost valid inputs, which are the most likely to break parsers.

use fastrand::Rng;

/// Tokens to insert: some that parsers look for, and some that they do not expect.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"=",
    b"\r\n",
    b"--",
    b"null",
    b"-1",
    b"1e999",
    b"\\u0000",
    b"\\ud800",
    b"\xe2\x80\xae",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"..",
    b"/",
    b"18446744073709551616",
];
/// The largest input.
const LONGEST: usize = 64 * 1024;

/// An endless iterator of inputs, the same for the same seed: each is an input of the corpus with a few changes.
#[derive(Debug)]
pub struct Mutations<'a> {
    corpus: &'a [Vec<u8>],
    rng: Rng,
}

impl<'a> Mutations<'a> {
    /// Creates mutations of these inputs.
    pub fn of(corpus: &'a [Vec<u8>], seed: u64) -> Self {
        Self { corpus, rng: Rng::with_seed(seed) }
    }

    fn one(&mut self) -> &'a [u8] {
        self.corpus.get(self.rng.usize(..self.corpus.len().max(1))).map(Vec::as_slice).unwrap_or_default()
    }

    fn place(&mut self, bytes: &[u8]) -> usize {
        self.rng.usize(..=bytes.len())
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.place(bytes);
        match self.rng.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.rng.u8(..8),
            1 if at < bytes.len() => bytes[at] = self.rng.u8(..),
            2 => bytes.truncate(at),
            3 => {
                let end = (at + self.rng.usize(..16)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + self.rng.usize(..64)).min(bytes.len());
                let repeated = bytes[at..end].repeat(1 + self.rng.usize(..8));
                bytes.splice(at..at, repeated);
            }
            5 => {
                let other = self.one();
                let from = self.rng.usize(..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let word = WORDS[self.rng.usize(..WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
        }
        bytes.truncate(LONGEST);
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.one().to_vec();
        for _ in 0..=self.rng.u8(..4) {
            self.change(&mut bytes);
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_inputs() {
        let corpus = [b"{\"a\": 1}".to_vec(), b"[]".to_vec()];
        let of = |seed| Mutations::of(&corpus, seed).take(200).collect::<Vec<_>>();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert!(of(1).iter().any(|input| !corpus.contains(input)));
        assert_eq!(Mutations::of(&[], 1).take(100).count(), 100);
    }
}
