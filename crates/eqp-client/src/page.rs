//! Pages of lists, and a stream over all pages.

use std::collections::VecDeque;
use std::future::Future;

use futures_util::stream::{self, Stream};

use crate::Error;

/// The page size of streams.
pub(crate) const STREAM_PAGE_SIZE: u64 = 100;

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The records, in the order of the response.
    pub items: Vec<T>,
    /// The records of the response that cannot be read. They do not affect the others.
    pub unreadable: Vec<UnreadableRecord>,
    /// The number of records before this page.
    pub offset: u64,
    /// The total number of records, if the API reports it.
    pub total: Option<u64>,
}

/// A record of a list that cannot be read, because one of its fields is not as documented.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableRecord {
    /// The number of records before it in the list.
    pub position: u64,
    /// The field that cannot be read, such as `eqp_status.overall`. Empty if it is the record itself.
    pub field: String,
    /// The problem with the field. It contains no secrets.
    pub problem: String,
    /// The record as JSON.
    pub json: String,
}

impl<T> Page<T> {
    /// Returns the offset of the next page, or `None` if this is the last one.
    ///
    /// `limit` is the requested page size. If the total is unknown, a page that is not exactly full is the last one: a server
    /// that returns more than requested does not support pages.
    pub fn next_offset(&self, limit: u64) -> Option<u64> {
        let count = (self.items.len() + self.unreadable.len()) as u64;
        let next = self.offset + count;
        let more = match self.total {
            Some(total) => count > 0 && next < total,
            None => count > 0 && count == limit,
        };
        more.then_some(next)
    }
}

/// Streams the records of all pages, with one page in memory at a time. `fetch` is called with offset and limit.
pub(crate) fn stream_pages<T, F, R>(first: u64, limit: u64, fetch: F) -> impl Stream<Item = Result<T, Error>>
where
    F: Fn(u64, u64) -> R,
    R: Future<Output = Result<Page<T>, Error>>,
{
    struct State<T, F> {
        fetch: F,
        held: VecDeque<T>,
        next: Option<u64>,
    }

    let start = State { fetch, held: VecDeque::new(), next: Some(first) };
    stream::try_unfold(start, move |mut state| async move {
        loop {
            if let Some(item) = state.held.pop_front() {
                return Ok(Some((item, state)));
            }
            let Some(offset) = state.next else { return Ok(None) };
            let page = (state.fetch)(offset, limit).await?;
            state.next = page.next_offset(limit);
            state.held = page.items.into();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(count: usize, offset: u64, total: Option<u64>) -> Page<()> {
        Page { items: vec![(); count], unreadable: Vec::new(), offset, total }
    }

    #[test]
    fn the_next_page_follows_from_the_total_or_from_a_full_page() {
        // (records, offset, total, requested, next)
        for (count, offset, total, limit, next) in [
            (20, 0, Some(45), 20, Some(20)),
            (20, 20, Some(45), 20, Some(40)),
            (5, 40, Some(45), 20, None),
            (20, 20, Some(40), 20, None),
            (0, 40, Some(45), 20, None),
            (10, 0, Some(45), 20, Some(10)),
            (20, 0, None, 20, Some(20)),
            (19, 0, None, 20, None),
            (31, 0, None, 20, None),
            (0, 0, None, 20, None),
        ] {
            assert_eq!(page(count, offset, total).next_offset(limit), next, "{count} at {offset} of {total:?}");
        }
    }

    #[test]
    fn records_that_cannot_be_read_count_for_the_next_page() {
        let record =
            UnreadableRecord { position: 3, field: "sku".into(), problem: "too long".into(), json: "{}".into() };
        let page = Page { unreadable: vec![record], ..page(19, 0, None) };
        assert_eq!(page.next_offset(20), Some(20));
    }
}
