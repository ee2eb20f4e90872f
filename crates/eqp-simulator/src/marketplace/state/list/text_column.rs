//! The texts of one field in one buffer, for a fast search in all of them.

use memchr::memmem::Finder;

/// Separates texts, and overwrites removed ones. The byte does not occur in UTF-8.
const GAP: u8 = 0xff;

/// The texts in lower case.
#[derive(Default)]
pub(super) struct TextColumn {
    buffer: Vec<u8>,
    /// The start of each text and its package, in the order of the buffer.
    pieces: Vec<(usize, usize)>,
    /// The position in `pieces` of each package's text.
    piece_of: Vec<usize>,
    /// The number of bytes of removed texts.
    gone: usize,
}

impl TextColumn {
    /// Creates a column of the texts of all packages, in order.
    pub(super) fn of(texts: impl Iterator<Item = String>) -> Self {
        let mut column = Self::default();
        for (package, text) in texts.enumerate() {
            column.set(package, &text);
        }
        column
    }

    /// Sets the text of a new or changed package.
    pub(super) fn set(&mut self, package: usize, text: &str) {
        let text = text.to_lowercase();
        if let Some(piece) = self.piece_of.get(package) {
            let (begin, end) = self.bounds(*piece);
            if &self.buffer[begin..end] == text.as_bytes() {
                return;
            }
            self.buffer[begin..end].fill(GAP);
            self.gone += end - begin;
        }
        let piece = self.pieces.len();
        self.pieces.push((self.buffer.len(), package));
        self.buffer.extend_from_slice(text.as_bytes());
        self.buffer.push(GAP);
        match self.piece_of.get_mut(package) {
            Some(known) => *known = piece,
            // New packages are added in the order of their numbers.
            None => self.piece_of.push(piece),
        }
        if self.gone > self.buffer.len() / 2 {
            self.compact();
        }
    }

    /// Returns where a text is in the buffer, without the separator.
    fn bounds(&self, piece: usize) -> (usize, usize) {
        let end = self.pieces.get(piece + 1).map_or(self.buffer.len(), |(begin, _)| *begin);
        (self.pieces[piece].0, end - 1)
    }

    /// Removes the gaps of removed texts.
    fn compact(&mut self) {
        let mut whole = Self::default();
        for piece in &self.piece_of {
            let (begin, end) = self.bounds(*piece);
            whole.piece_of.push(whole.pieces.len());
            whole.pieces.push((whole.buffer.len(), whole.pieces.len()));
            whole.buffer.extend_from_slice(&self.buffer[begin..end]);
            whole.buffer.push(GAP);
        }
        *self = whole;
    }

    /// Returns the packages whose text contains `wanted`, in the order of their creation; letter case is ignored.
    pub(super) fn holding(&self, wanted: &str) -> Vec<usize> {
        let wanted = wanted.to_lowercase();
        if wanted.is_empty() {
            return (0..self.piece_of.len()).collect();
        }
        let finder = Finder::new(&wanted);
        let (mut found, mut at, mut piece) = (Vec::new(), 0, 0);
        while let Some(hit) = finder.find(&self.buffer[at..]) {
            // Hits are in the order of the buffer, as the pieces are.
            while self.pieces.get(piece + 1).is_some_and(|(begin, _)| *begin <= at + hit) {
                piece += 1;
            }
            found.push(self.pieces[piece].1);
            at = self.bounds(piece).1 + 1;
        }
        // Changed texts are at the end of the buffer, out of order.
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_the_same_as_a_search_in_each_text(
            changes in prop::collection::vec((0..6_usize, "[abÄß]{0,4}"), 0..60),
            wanted in "[abäß]{0,2}",
        ) {
            let mut texts: Vec<String> = Vec::new();
            let mut column = TextColumn::default();
            for (package, text) in changes {
                let package = package.min(texts.len());
                column.set(package, &text);
                if package == texts.len() { texts.push(text) } else { texts[package] = text }
            }
            let expected: Vec<_> =
                (0..texts.len()).filter(|at| texts[*at].to_lowercase().contains(&wanted.to_lowercase())).collect();
            prop_assert_eq!(column.holding(&wanted), expected);
        }
    }
}
