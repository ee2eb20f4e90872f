//! The page of a sorted list, without sorting more than the page.

use super::members::Members;
use super::packages::Packages;
use crate::market::view::text_of;

/// So few are sorted as they are; of more an index of the first field tells the order.
const FEW: usize = 1_000;

/// The packages from the place `offset` on, at most `limit`, in the order of the fields (each with whether it is
/// reversed), else of their creation. `packages` has been refreshed; no `fitting` means all of them.
pub(super) fn arrange(
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
    // What is before the page is only counted.
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
