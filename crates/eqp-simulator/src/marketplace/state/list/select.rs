//! Selects the packages that match a query, and those of its page.

use super::super::package::text_of;
use super::Packages;
use super::query::{ListQuery, Match};

impl Packages {
    /// Returns the number of packages that match, and those of the page in their order.
    pub(crate) fn select(&mut self, query: &ListQuery) -> (usize, Vec<usize>) {
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

    /// Returns the packages that match one filter, in the order of their creation.
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

/// Up to this number of packages are sorted directly; more are read from the index of the first field.
const FEW: usize = 1_000;

/// Returns at most `limit` packages from `offset` on, in the order of the fields (each with whether it is
/// reversed), otherwise of their creation. `packages` must be refreshed; without `fitting` all of them match.
fn arrange(
    packages: &mut Packages,
    fitting: Option<Vec<usize>>,
    fields: &[(&'static str, bool)],
    offset: usize,
    limit: usize,
) -> Vec<usize> {
    let Some(((field, reversed), rest)) = fields.split_first() else {
        let fitting = fitting.unwrap_or_else(|| (0..packages.len()).collect());
        return fitting.into_iter().skip(offset).take(limit).collect();
    };
    if let Some(few) = fitting.as_ref().filter(|fitting| fitting.len() <= FEW) {
        return sorted(packages, few.clone(), fields).into_iter().skip(offset).take(limit).collect();
    }
    let members = fitting.map(|fitting| Members::of(&fitting, packages.len()));
    let mut groups = Vec::new();
    let (mut to_skip, mut found) = (offset, 0);
    // Packages before the page are only counted.
    for group in packages.by(field).groups(*reversed) {
        if found >= limit {
            break;
        }
        let group = match &members {
            None if group.len() <= to_skip => {
                to_skip -= group.len();
                continue;
            }
            None => group.to_vec(),
            Some(members) => group.iter().copied().filter(|package| members.has(*package)).collect(),
        };
        if group.len() <= to_skip {
            to_skip -= group.len();
            continue;
        }
        let wanted = (group.len() - to_skip).min(limit - found);
        groups.push((group, to_skip, wanted));
        found += wanted;
        to_skip = 0;
    }
    groups.into_iter().flat_map(|(group, skip, take)| arrange(packages, Some(group), rest, skip, take)).collect()
}

fn sorted(packages: &Packages, mut few: Vec<usize>, fields: &[(&'static str, bool)]) -> Vec<usize> {
    for (field, reversed) in fields.iter().rev() {
        if *reversed {
            few.sort_by_cached_key(|package| std::cmp::Reverse(text_of(&packages[*package], field)));
        } else {
            few.sort_by_cached_key(|package| text_of(&packages[*package], field));
        }
    }
    few
}

/// A set of packages.
struct Members {
    words: Vec<u64>,
}

impl Members {
    /// Creates a set of these packages; `count` is the number of all packages.
    fn of(packages: &[usize], count: usize) -> Self {
        let mut words = vec![0; count.div_ceil(64)];
        for package in packages {
            words[package / 64] |= 1 << (package % 64);
        }
        Self { words }
    }

    /// Returns whether a package is in the set.
    fn has(&self, package: usize) -> bool {
        self.words.get(package / 64).is_some_and(|word| word & (1 << (package % 64)) != 0)
    }
}

/// Returns the intersection of two ascending lists.
fn in_both(one: &[usize], other: &[usize]) -> Vec<usize> {
    let mut rest = other.iter().copied().peekable();
    let is_in_other = |package: usize| {
        while rest.next_if(|next| *next < package).is_some() {}
        rest.peek() == Some(&package)
    };
    let mut is_in_other = is_in_other;
    one.iter().copied().filter(|package| is_in_other(*package)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::marketplace::state::PackageEntry;

    fn package(number: usize, words: &[&str; 3]) -> PackageEntry {
        let mut entry =
            PackageEntry::draft(format!("s{number}").parse().unwrap(), "2026-01-01 00:00:00".parse().unwrap());
        for (name, value) in ["name", "type", "version"].iter().zip(words) {
            entry.fields.insert((*name).to_owned(), (*value).into());
        }
        entry
    }

    /// Selects packages in the straightforward way, for comparison.
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

    #[test]
    fn sets_and_lists_agree() {
        assert_eq!(in_both(&[1, 3, 64, 90], &[0, 3, 4, 90, 91]), [3, 90]);
        assert!(in_both(&[1], &[]).is_empty());
        let members = Members::of(&[0, 63, 64], 65);
        let found: Vec<_> = (0..200).filter(|package| members.has(*package)).collect();
        assert_eq!(found, [0, 63, 64]);
    }
}
