//! Packages by the text of one field, in the order of that text.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Which packages bear which text; every group is in the order of creation.
pub(super) struct FieldIndex {
    groups: BTreeMap<Arc<str>, Vec<usize>>,
    text_of: Vec<Arc<str>>,
}

impl FieldIndex {
    /// The index of these texts, one of each package in turn.
    pub(super) fn of(texts: impl Iterator<Item = String>) -> Self {
        let mut index = Self { groups: BTreeMap::new(), text_of: Vec::new() };
        for (package, text) in texts.enumerate() {
            index.set(package, &text);
        }
        index
    }

    /// Notes the text of a package, new or changed.
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
            // Packages come in the order of their numbers.
            None => self.text_of.push(text),
        }
    }

    /// The packages with this text.
    pub(super) fn group(&self, text: &str) -> &[usize] {
        self.groups.get(text).map_or(&[], Vec::as_slice)
    }

    /// All groups in the order of their texts, or in the reverse of it.
    pub(super) fn groups(&self, reversed: bool) -> Box<dyn Iterator<Item = &[usize]> + '_> {
        let groups = self.groups.values().map(Vec::as_slice);
        if reversed { Box::new(groups.rev()) } else { Box::new(groups) }
    }

    /// The packages whose text is not empty and for which `fits` holds, `from` a text on. Their texts are in order, so
    /// it ends with the first text that does not fit.
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
