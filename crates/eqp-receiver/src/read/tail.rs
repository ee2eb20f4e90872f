//! Events as they come.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::Stream;
use sqlx::PgPool;
use tokio::time::Instant;

use super::{Event, EventFilter, Order};
use crate::Error;
use crate::deadline::{ANSWER, within};
use crate::store::listen::{Bell, Channel};
use crate::store::listing;
use crate::supervise::Supervisor;

/// How many events are fetched at a time.
const PAGE: u32 = 500;

/// How often to look when nobody tells: behind a pooler that does not pass on notifications, nobody does.
const POLL: Duration = Duration::from_millis(200);

/// Follows the events of a filter. Where a reader stands is its own affair: nothing is recorded, and a new tail
/// from the last `seq` goes on without a gap.
#[derive(Debug)]
pub struct Tail {
    pool: PgPool,
    filter: EventFilter,
    bell: Bell,
    /// Fetched and not yet given out.
    fetched: VecDeque<Event>,
    /// When to look again, if nothing was there at the last look.
    look_again: Option<Instant>,
    ends_at: Option<Instant>,
}

impl Tail {
    pub(super) fn new(pool: PgPool, filter: EventFilter, after: i64, supervisor: Supervisor) -> Self {
        Self {
            bell: Bell::new(&pool, Channel::Events, supervisor),
            pool,
            filter: EventFilter { after_seq: Some(after), order: Order::OldestFirst, limit: PAGE, ..filter },
            fetched: VecDeque::new(),
            look_again: None,
            ends_at: None,
        }
    }

    /// Ends the tail when so much time has passed from now, whatever comes; a time too long to be counted never passes.
    #[must_use]
    pub fn for_at_most(mut self, time: Duration) -> Self {
        self.ends_at = Instant::now().checked_add(time);
        self
    }

    /// The next event; none when the time is over.
    ///
    /// Cancel-safe: an event is not lost when the future is dropped.
    ///
    /// # Errors
    /// The database cannot be reached or refuses. Calling again tries again.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        match self.ends_at {
            None => self.wait_for_event().await.map(Some),
            Some(end) => match tokio::time::timeout_at(end, self.wait_for_event()).await {
                Ok(event) => event.map(Some),
                Err(_elapsed) => Ok(None),
            },
        }
    }

    async fn wait_for_event(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.fetched.pop_front() {
                self.filter.after_seq = Some(event.seq);
                return Ok(event);
            }
            if let Some(at) = self.look_again {
                self.bell.rings_before(at).await;
            }
            self.look_again = Some(Instant::now() + POLL);
            self.fetched = within(ANSWER, listing::events(&self.pool, &self.filter)).await?.into();
            if !self.fetched.is_empty() {
                self.look_again = None;
            }
        }
    }

    /// The events as a stream, which ends with the time or after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Event, Error>> + Send {
        futures_util::stream::try_unfold(
            self,
            |mut tail| async move { Ok(tail.next().await?.map(|event| (event, tail))) },
        )
    }
}
