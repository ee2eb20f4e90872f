//! The packages of an account with their indexes, which notice every change by themselves.

use std::collections::{BTreeSet, HashMap};
use std::ops::{Deref, Index, IndexMut};

use super::field_index::FieldIndex;
use super::text_column::TextColumn;
use crate::market::package::PackageEntry;
use crate::market::view::text_of;

/// The packages of an account, in the order of their creation; none is ever removed.
#[derive(Default)]
pub(crate) struct Packages {
    entries: Vec<PackageEntry>,
    by_field: HashMap<&'static str, FieldIndex>,
    texts: HashMap<&'static str, TextColumn>,
    /// Lent out to be changed since the indexes were last brought up to date.
    touched: BTreeSet<usize>,
}

impl Packages {
    /// Adds a package.
    pub(crate) fn push(&mut self, package: PackageEntry) {
        self.touch(self.entries.len());
        self.entries.push(package);
    }

    fn touch(&mut self, package: usize) {
        if !self.by_field.is_empty() || !self.texts.is_empty() {
            self.touched.insert(package);
        }
    }

    /// Brings the indexes up to date, after which they can be asked.
    pub(super) fn refresh(&mut self) {
        for package in std::mem::take(&mut self.touched) {
            let Some(entry) = self.entries.get(package) else { continue };
            for (field, index) in &mut self.by_field {
                index.set(package, &text_of(entry, field));
            }
            for (field, column) in &mut self.texts {
                column.set(package, &text_of(entry, field));
            }
        }
    }

    /// The index of a field, made on first use. Up to date after [`Self::refresh`].
    pub(super) fn by(&mut self, field: &'static str) -> &FieldIndex {
        let entries = &self.entries;
        self.by_field.entry(field).or_insert_with(|| FieldIndex::of(entries.iter().map(|entry| text_of(entry, field))))
    }

    /// The texts of a field for a search inside them, collected on first use. Up to date after [`Self::refresh`].
    pub(super) fn texts(&mut self, field: &'static str) -> &TextColumn {
        let entries = &self.entries;
        self.texts.entry(field).or_insert_with(|| TextColumn::of(entries.iter().map(|entry| text_of(entry, field))))
    }

    /// The packages whose field reads so, in the order of their creation.
    pub(crate) fn with(&mut self, field: &'static str, text: &str) -> Vec<usize> {
        self.refresh();
        self.by(field).group(text).to_vec()
    }
}

impl Deref for Packages {
    type Target = [PackageEntry];

    fn deref(&self) -> &[PackageEntry] {
        &self.entries
    }
}

impl Index<usize> for Packages {
    type Output = PackageEntry;

    fn index(&self, package: usize) -> &PackageEntry {
        &self.entries[package]
    }
}

impl IndexMut<usize> for Packages {
    fn index_mut(&mut self, package: usize) -> &mut PackageEntry {
        self.touch(package);
        &mut self.entries[package]
    }
}
