//! Follows events as they are recorded.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::Stream;
use sqlx::PgPool;
use tokio::time::Instant;

use crate::Error;
use crate::deadline::{ANSWER, within};
use crate::model::{Event, EventFilter, Order};
use crate::sql::listen::NotificationListener;
use crate::sql::listing;

/// The maximum number of events to fetch at a time.
const PAGE: u32 = 500;

/// The polling interval. Notifications only shorten the wait, because not every connection pooler passes them on.
const POLL: Duration = Duration::from_millis(200);

/// Follows the events that match a filter; see [`Reader::tail`](crate::Reader::tail).
///
/// The position is not stored. To continue later without a gap, start a new tail after the last `seq`.
///
/// ```no_run
/// use std::time::Duration;
///
/// use eqp_store::{EventFilter, Store};
///
/// # async fn example(store: Store) -> Result<(), eqp_store::Error> {
/// let mut tail = store.reader().tail(EventFilter::default()).await?.for_at_most(Duration::from_secs(60));
/// while let Some(event) = tail.next().await? {
///     println!("{}", event.seq);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Tail {
    pool: PgPool,
    filter: EventFilter,
    listener: NotificationListener,
    /// Events that were fetched but not returned yet.
    fetched: VecDeque<Event>,
    /// The time at which to poll again, if the last poll found nothing.
    poll_at: Option<Instant>,
    ends_at: Option<Instant>,
}

impl Tail {
    pub(super) fn new(pool: PgPool, filter: EventFilter, after: i64, listener: NotificationListener) -> Self {
        Self {
            listener,
            pool,
            filter: EventFilter { after_seq: Some(after), order: Order::OldestFirst, limit: PAGE, ..filter },
            fetched: VecDeque::new(),
            poll_at: None,
            ends_at: None,
        }
    }

    /// Ends the tail after this time, counted from now. A time that is too long to be represented is unlimited.
    #[must_use]
    pub fn for_at_most(mut self, time: Duration) -> Self {
        self.ends_at = Instant::now().checked_add(time);
        self
    }

    /// Waits for the next event and returns it, or `None` once the time of [`for_at_most`](Self::for_at_most) is over.
    ///
    /// Cancel-safe: dropping the future loses no event.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if a query fails or takes longer than a minute. The next call retries it.
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
            if let Some(at) = self.poll_at {
                self.listener.notified_before(at).await;
            }
            self.poll_at = Some(Instant::now() + POLL);
            self.fetched = within(ANSWER, listing::events(&self.pool, &self.filter)).await?.into();
            if !self.fetched.is_empty() {
                self.poll_at = None;
            }
        }
    }

    /// Returns the events as a stream, which ends after the first error or once the time is over.
    pub fn into_stream(self) -> impl Stream<Item = Result<Event, Error>> + Send {
        futures_util::stream::try_unfold(
            self,
            |mut tail| async move { Ok(tail.next().await?.map(|event| (event, tail))) },
        )
    }
}
