//! Which packages fit a query, and which of them are on its page.

use super::arrange::arrange;
use super::members::in_both;
use super::packages::Packages;
use super::query::{ListQuery, Match};

impl Packages {
    /// How many packages fit, and those of the page in its order.
    pub(super) fn select(&mut self, query: &ListQuery) -> (usize, Vec<usize>) {
        self.refresh();
        let mut fitting: Option<Vec<usize>> = None;
        for (field, wanted) in &query.filters {
            let found = self.matching(field, wanted);
            fitting = Some(match fitting {
                None => found,
                Some(fitting) => in_both(&fitting, &found),
            });
        }
        let total = fitting.as_ref().map_or(self.len(), Vec::len);
        let limit = query.limit.unwrap_or(usize::MAX);
        let page = match fitting {
            None if query.sort.is_empty() => (0..total).skip(query.offset).take(limit).collect(),
            Some(fitting) if query.sort.is_empty() => fitting.into_iter().skip(query.offset).take(limit).collect(),
            fitting => arrange(self, fitting, &query.sort, query.offset, limit),
        };
        (total, page)
    }

    /// The packages that one filter lets through, in the order of their creation.
    fn matching(&mut self, field: &'static str, wanted: &Match) -> Vec<usize> {
        match wanted {
            Match::Exact(text) => self.by(field).group(text).to_vec(),
            Match::Substring(text) => self.texts(field).holding(text),
            Match::Present => self.by(field).from("", |_| true),
            Match::Range(from, to) => {
                self.by(field).from(from, |text| text <= to.as_str() || text.starts_with(to.as_str()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::market::package::PackageEntry;
    use crate::market::view::text_of;

    fn package(number: usize, words: &[&str; 3]) -> PackageEntry {
        let mut entry =
            PackageEntry::draft(format!("s{number}").parse().unwrap(), "2026-01-01 00:00:00".parse().unwrap());
        for (name, value) in ["name", "type", "version"].iter().zip(words) {
            entry.fields.insert((*name).to_owned(), (*value).into());
        }
        entry
    }

    /// A list as anybody would make it.
    fn plainly(packages: &[PackageEntry], query: &ListQuery) -> (usize, Vec<usize>) {
        let mut fitting: Vec<usize> = (0..packages.len())
            .filter(|at| query.filters.iter().all(|(name, wanted)| wanted.fits(&text_of(&packages[*at], name))))
            .collect();
        for (name, reversed) in query.sort.iter().rev() {
            fitting.sort_by(|one, other| {
                let order = text_of(&packages[*one], name).cmp(&text_of(&packages[*other], name));
                if *reversed { order.reverse() } else { order }
            });
        }
        let total = fitting.len();
        (total, fitting.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect())
    }

    fn word() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["", "a", "B", "ab", "c"])
    }

    proptest! {
        #[test]
        fn every_list_is_the_plain_one_also_after_changes(
            before in prop::collection::vec([word(), word(), word()], 0..30),
            changes in prop::collection::vec((0..30_usize, [word(), word(), word()]), 0..20),
            parameters in prop::collection::vec(prop::sample::select(vec![
                ("name", "a"), ("type", "a"), ("type", "all"), ("version", ""), ("sort", "name"), ("sort", "-type,name"),
                ("sort", "type,-version,name"), ("offset", "3"), ("limit", "4"), ("limit", "-1"),
                ("created_at", "2026-01-01"), ("created_at", ",2025-01-01"), ("modified_at", "2026"),
            ]), 0..5),
        ) {
            let parameters: Vec<_> = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let query = ListQuery::read(&parameters).unwrap();
            let mut packages = Packages::default();
            for (number, words) in before.iter().enumerate() {
                packages.push(package(number, words));
            }
            prop_assert_eq!(packages.select(&query), plainly(&packages, &query));
            for (at, words) in &changes {
                let at = (*at).min(packages.len());
                if at == packages.len() { packages.push(package(at, words)) } else { packages[at] = package(at, words) }
            }
            prop_assert_eq!(packages.select(&query), plainly(&packages, &query));
        }
    }
}
