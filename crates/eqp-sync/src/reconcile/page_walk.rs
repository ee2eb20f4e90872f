//! Walks through a list that changes while it is read.
//!
//! The API pages by position: a package that is added or removed between two requests moves the others. Each page therefore overlaps the
//! one before. If none of the overlapping packages is found again, the walk goes back, so that no package is skipped.

use std::collections::{HashSet, VecDeque};

use eqp_types::SubmissionId;

/// The number of packages that are requested per page.
pub(super) const PAGE_SIZE: u64 = 100;
/// The number of packages that two pages have in common.
const OVERLAP: usize = 3;
/// The largest number of pages in a walk: two million packages.
const MAX_PAGES: u32 = 20_000;
/// The maximum number of times that a walk goes back before it fails. Only a list that changes faster than it can be read needs more.
const MAX_STEPS_BACK: u32 = 8;
/// The maximum number of consecutive pages with only packages of earlier pages: those that a step back reads again.
const MAX_WITHOUT_PROGRESS: u32 = 3;
/// The number of pages whose packages are remembered, to skip those that occur again.
const REMEMBERED_PAGES: usize = 3;

/// The reason why a list cannot be read completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PagingError {
    /// The next page has no package that the pages before do not have.
    #[error("the Marketplace returned the same page again")]
    Repeated,
    /// The packages move faster between pages than they can be read.
    #[error("the list changes faster than it can be read")]
    Unstable,
    /// The list does not end.
    #[error("the list has more than {MAX_PAGES} pages")]
    TooLong,
}

/// The position in a list of packages.
#[derive(Debug, Default)]
pub(super) struct PageWalk {
    offset: u64,
    pages: u32,
    steps_back: u32,
    without_progress: u32,
    /// The last packages of the previous page.
    tail: Vec<SubmissionId>,
    recent: VecDeque<HashSet<SubmissionId>>,
}

impl PageWalk {
    /// Returns the number of packages before the next page.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns whether the package was on one of the last pages.
    pub(super) fn is_known(&self, id: &SubmissionId) -> bool {
        self.recent.iter().any(|page| page.contains(id))
    }

    /// Moves on from a page with these packages. `next` is the offset that follows the page, if there are more packages. Returns whether
    /// there is another page to read.
    pub(super) fn advance(&mut self, ids: &[SubmissionId], next: Option<u64>) -> Result<bool, PagingError> {
        self.pages += 1;
        if self.pages > MAX_PAGES {
            return Err(PagingError::TooLong);
        }
        let is_gap = self.offset > 0 && !self.tail.is_empty() && !ids.iter().any(|id| self.tail.contains(id));
        let is_progress = ids.iter().any(|id| !self.is_known(id));
        self.without_progress = if is_progress { 0 } else { self.without_progress + 1 };
        self.remember(ids);
        if is_gap {
            self.steps_back += 1;
            self.offset = self.offset.saturating_sub(PAGE_SIZE);
            return if self.steps_back > MAX_STEPS_BACK { Err(PagingError::Unstable) } else { Ok(true) };
        }
        // A last page that only repeats others is not the end of the list, unless the list has become shorter.
        let may_repeat = self.steps_back > 0 || ids.len() <= OVERLAP;
        if self.without_progress > MAX_WITHOUT_PROGRESS || (self.without_progress > 0 && !may_repeat) {
            return Err(PagingError::Repeated);
        }
        let Some(next) = next else { return Ok(false) };
        self.tail = ids[ids.len().saturating_sub(OVERLAP)..].to_vec();
        self.offset = next.saturating_sub(self.tail.len() as u64).max(self.offset + 1);
        Ok(true)
    }

    fn remember(&mut self, ids: &[SubmissionId]) {
        if self.recent.len() == REMEMBERED_PAGES {
            self.recent.pop_front();
        }
        self.recent.push_back(ids.iter().cloned().collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list that is read in pages and changed between them.
    struct List {
        ids: Vec<SubmissionId>,
        walk: PageWalk,
        read: Vec<SubmissionId>,
    }

    impl List {
        fn of(packages: usize) -> Self {
            let ids = (0..packages).map(|number| SubmissionId::new(format!("s{number}")).unwrap()).collect();
            Self { ids, walk: PageWalk::default(), read: Vec::new() }
        }

        /// Reads one page, and returns whether there is another one.
        fn step(&mut self) -> Result<bool, PagingError> {
            let offset = usize::try_from(self.walk.offset()).unwrap();
            let page: Vec<_> = self.ids.iter().skip(offset).take(100).cloned().collect();
            let next = offset + page.len();
            let next = (!page.is_empty() && next < self.ids.len()).then_some(next as u64);
            self.read.extend(page.iter().filter(|id| !self.walk.is_known(id)).cloned());
            self.walk.advance(&page, next)
        }

        fn has_read(&self, number: usize) -> bool {
            self.read.iter().any(|id| id.as_str() == format!("s{number}"))
        }
    }

    #[test]
    fn every_package_is_read_once() {
        for packages in [0, 1, 99, 100, 101, 450] {
            let mut list = List::of(packages);
            while list.step().unwrap() {}
            assert_eq!(list.read, list.ids);
        }
    }

    #[test]
    fn packages_that_move_forward_are_not_skipped() {
        let mut list = List::of(350);
        assert_eq!(list.step(), Ok(true));
        // The packages 100 to 109 move to where the first page was read already.
        list.ids.drain(..10);
        while list.step().unwrap() {}
        assert!((10..350).all(|number| list.has_read(number)));
    }

    #[test]
    fn packages_that_move_backward_are_not_read_twice() {
        let mut list = List::of(350);
        assert_eq!(list.step(), Ok(true));
        list.ids.splice(0..0, [SubmissionId::new("new").unwrap()]);
        while list.step().unwrap() {}
        assert_eq!(list.read.len(), 350, "the new one is at the front, which was read before");
    }

    #[test]
    fn a_server_that_ignores_the_offset_is_noticed() {
        let ids: Vec<_> = (0..100).map(|number| SubmissionId::new(format!("s{number}")).unwrap()).collect();
        let mut walk = PageWalk::default();
        let ended = (0..10).find_map(|_| walk.advance(&ids, Some(walk.offset() + 100)).err());
        assert_eq!(ended, Some(PagingError::Repeated));
    }

    #[test]
    fn a_list_that_changes_completely_ends_with_an_error() {
        let mut walk = PageWalk::default();
        let ended = (0..100).find_map(|page| {
            let ids: Vec<_> = (0..100).map(|at| SubmissionId::new(format!("{page}-{at}")).unwrap()).collect();
            walk.advance(&ids, Some(walk.offset() + 100)).err()
        });
        assert_eq!(ended, Some(PagingError::Unstable));
    }
}
