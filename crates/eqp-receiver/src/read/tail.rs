//! Events as they come.

use std::time::Duration;

use futures_util::Stream;

use super::Event;
use crate::Error;

/// Follows the events of a filter. Where a reader stands is its own affair: nothing is recorded, and a new tail
/// from the last `seq` goes on without a gap.
#[derive(Debug)]
pub struct Tail {}

impl Tail {
    /// Ends the tail when so much time has passed from now, whatever comes.
    #[must_use]
    pub fn for_at_most(self, _time: Duration) -> Self {
        self
    }

    /// The next event; none when the time is over.
    ///
    /// Cancel-safe: an event is not lost when the future is dropped.
    ///
    /// # Errors
    /// The database cannot be reached or refuses. Calling again tries again.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        Ok(None)
    }

    /// The events as a stream, which ends with the time or after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Event, Error>> + Send {
        futures_util::stream::try_unfold(
            self,
            |mut tail| async move { Ok(tail.next().await?.map(|event| (event, tail))) },
        )
    }
}
