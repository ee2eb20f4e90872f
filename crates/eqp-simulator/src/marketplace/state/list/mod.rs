//! Filters, sorts and pages the packages of an account with indexes.
//!
//! The index of a field is created when a list first uses the field, and then updated for changed packages only. A
//! simulator that is never listed has no cost, and one with many packages answers quickly.

mod field_index;
mod query;
mod select;
mod text_column;

use std::collections::{BTreeSet, HashMap};
use std::ops::{Deref, Index, IndexMut};

pub(crate) use query::{ListQuery, Page};

use super::package::{PackageEntry, text_of};
use field_index::FieldIndex;
use text_column::TextColumn;

/// The packages of an account, in the order of their creation; packages are never removed.
#[derive(Default)]
pub(crate) struct Packages {
    entries: Vec<PackageEntry>,
    by_field: HashMap<&'static str, FieldIndex>,
    texts: HashMap<&'static str, TextColumn>,
    /// Packages that may have changed since the indexes were last updated.
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

    /// Updates the indexes.
    fn refresh(&mut self) {
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

    /// Returns the index of a field, which is created on first use. It is up to date after [`Self::refresh`].
    fn by(&mut self, field: &'static str) -> &FieldIndex {
        let entries = &self.entries;
        self.by_field.entry(field).or_insert_with(|| FieldIndex::of(entries.iter().map(|entry| text_of(entry, field))))
    }

    /// Returns the texts of a field for substring searches, collected on first use. Up to date after [`Self::refresh`].
    fn texts(&mut self, field: &'static str) -> &TextColumn {
        let entries = &self.entries;
        self.texts.entry(field).or_insert_with(|| TextColumn::of(entries.iter().map(|entry| text_of(entry, field))))
    }

    /// Returns the packages whose field has this text, in the order of their creation.
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
