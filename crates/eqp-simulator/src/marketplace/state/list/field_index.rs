//! An index of packages by the text of one field, in the order of the texts.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// The packages of each text; every group is in the order of creation.
pub(super) struct FieldIndex {
    groups: BTreeMap<Arc<str>, Vec<usize>>,
    text_of: Vec<Arc<str>>,
}

impl FieldIndex {
    /// Creates an index of the texts of all packages, in order.
    pub(super) fn of(texts: impl Iterator<Item = String>) -> Self {
        let mut index = Self { groups: BTreeMap::new(), text_of: Vec::new() };
        for (package, text) in texts.enumerate() {
            index.set(package, &text);
        }
        index
    }

    /// Sets the text of a new or changed package.
    pub(super) fn set(&mut self, package: usize, text: &str) {
        if let Some(known) = self.text_of.get(package) {
            if **known == *text {
                return;
            }
            let known = Arc::clone(known);
            if let Some(group) = self.groups.get_mut(&known) {
                if let Ok(place) = group.binary_search(&package) {
                    group.remove(place);
                }
                if group.is_empty() {
                    self.groups.remove(&known);
                }
            }
        }
        let text: Arc<str> = match self.groups.get_key_value(text) {
            Some((known, _)) => Arc::clone(known),
            None => text.into(),
        };
        let group = self.groups.entry(Arc::clone(&text)).or_default();
        let place = group.binary_search(&package).unwrap_or_else(|place| place);
        group.insert(place, package);
        match self.text_of.get_mut(package) {
            Some(known) => *known = text,
            // New packages are added in the order of their numbers.
            None => self.text_of.push(text),
        }
    }

    /// Returns the packages with this text.
    pub(super) fn group(&self, text: &str) -> &[usize] {
        self.groups.get(text).map_or(&[], Vec::as_slice)
    }

    /// Returns all groups in the order of their texts, or in reverse order.
    pub(super) fn groups(&self, reversed: bool) -> Box<dyn Iterator<Item = &[usize]> + '_> {
        let groups = self.groups.values().map(Vec::as_slice);
        if reversed { Box::new(groups.rev()) } else { Box::new(groups) }
    }

    /// Returns the packages with a non-empty text from `from` on, until the first text for which `fits` is false (texts
    /// are in order).
    pub(super) fn from(&self, from: &str, fits: impl Fn(&str) -> bool) -> Vec<usize> {
        let begin = (Bound::Included(from), Bound::Unbounded);
        let groups = self.groups.range::<str, _>(begin).skip_while(|(text, _)| text.is_empty());
        let mut found: Vec<usize> =
            groups.take_while(|(text, _)| fits(text)).flat_map(|(_, group)| group.iter().copied()).collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_text_moves_its_package() {
        let mut index = FieldIndex::of(["b", "a", "b", ""].map(str::to_owned).into_iter());
        index.set(0, "a");
        index.set(4, "a");
        index.set(2, "c");
        assert_eq!((index.group("a"), index.group("b"), index.group("c")), (&[0, 1, 4][..], &[][..], &[2][..]));
        assert_eq!(index.groups(false).collect::<Vec<_>>(), [&[3][..], &[0, 1, 4], &[2]]);
        assert_eq!(index.groups(true).collect::<Vec<_>>(), [&[2][..], &[0, 1, 4], &[3]]);
        assert_eq!(index.from("", |text| text < "c"), [0, 1, 4]);
    }
}
