//! Questions to the database.

use eqp_types::Environment;
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    CallbackCopy, Counts, DeadLetter, Event, EventDetail, EventFilter, EventKind, FileFilter, FileState, HIGHEST_LIMIT,
    StoredCallback, Submission, SubmissionFilter, SubmissionHistory, Tail,
};
use crate::Error;
use crate::deadline::{ANSWER, within};
use crate::store::{handler_cursor, kept, listing, projector, submissions};
use crate::supervise::Supervisor;

/// Reads what a receiver has kept. Cheap to clone; changes nothing.
#[derive(Clone, Debug)]
pub struct Reader {
    pool: PgPool,
}

impl Reader {
    /// A reader of the database behind `pool`, whose schema is up to date.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Events that the filter lets through.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, Error> {
        within(ANSWER, listing::events(&self.pool, filter)).await
    }

    /// One event with the callback that told it and the copies of that; none if there is no such event.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn event(&self, seq: i64) -> Result<Option<EventDetail>, Error> {
        let only = EventFilter {
            after_seq: Some(seq.saturating_sub(1)),
            before_seq: Some(seq.saturating_add(1)),
            limit: 1,
            ..EventFilter::default()
        };
        let Some(event) = self.events(&only).await?.pop() else { return Ok(None) };
        let Some(id) = event.callback_id else {
            return Ok(Some(EventDetail { event, callback: None, copies: Vec::new() }));
        };
        let (callback, copies) = (self.callback(id).await?, self.copies(id).await?);
        Ok(Some(EventDetail { event, callback, copies }))
    }

    /// The `seq` of the newest event; 0 before the first.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn latest_seq(&self) -> Result<i64, Error> {
        within(ANSWER, projector::latest_seq(&self.pool)).await
    }

    /// Events above `after_seq` of the filter (or from the next one on, where it names none), as they come, in the
    /// order of their `seq`. The filter's order and limit do not matter.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn tail(&self, filter: EventFilter) -> Result<Tail, Error> {
        self.tail_of(filter, Supervisor::default()).await
    }

    /// The same for a part of a receiver.
    pub(crate) async fn tail_of(&self, filter: EventFilter, supervisor: Supervisor) -> Result<Tail, Error> {
        let after = match filter.after_seq {
            Some(after) => after,
            None => self.latest_seq().await?,
        };
        Ok(Tail::new(self.pool.clone(), filter, after, supervisor))
    }

    /// Events that handlers failed on for good or too often, of one handler or of all, the newest first; at most `limit`.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn dead_letters(&self, handler: Option<&str>, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        within(ANSWER, handler_cursor::dead_letters(&self.pool, handler, limit.min(HIGHEST_LIMIT).into())).await
    }

    /// One callback, byte for byte.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn callback(&self, id: Uuid) -> Result<Option<StoredCallback>, Error> {
        within(ANSWER, kept::callback(&self.pool, id)).await
    }

    /// Later callbacks that told nothing new beyond this one, oldest first; at most 1,000.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn copies(&self, callback_id: Uuid) -> Result<Vec<CallbackCopy>, Error> {
        within(ANSWER, kept::copies(&self.pool, callback_id)).await
    }

    /// Submissions that the filter lets through, the one that changed last first.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn submissions(&self, filter: &SubmissionFilter) -> Result<Vec<Submission>, Error> {
        within(ANSWER, submissions::submissions(&self.pool, filter)).await
    }

    /// The submission with this id and its past: one for each account that knows it.
    ///
    /// The id is looked up as `submission_id` and, where that finds nothing, as the developer's own `item_id`.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn submission(
        &self,
        environment: Option<Environment>,
        id: &str,
    ) -> Result<Vec<SubmissionHistory>, Error> {
        let by_id = SubmissionFilter { environment, submission_id: Some(id.to_owned()), ..SubmissionFilter::default() };
        let mut found = self.submissions(&by_id).await?;
        if found.is_empty() {
            let by_item = SubmissionFilter { environment, item_id: Some(id.to_owned()), ..SubmissionFilter::default() };
            found = self.submissions(&by_item).await?;
        }
        let mut histories = Vec::with_capacity(found.len());
        for submission in found {
            let events = self.history(&submission).await?;
            histories.push(SubmissionHistory { submission, events });
        }
        Ok(histories)
    }

    async fn history(&self, submission: &Submission) -> Result<Vec<Event>, Error> {
        let newest_first = EventFilter {
            environment: Some(submission.environment),
            mage_id: Some(submission.mage_id.clone()),
            kind: Some(EventKind::Submission),
            subject: Some(submission.submission_id.clone()),
            limit: HIGHEST_LIMIT,
            ..EventFilter::default()
        };
        let mut events = self.events(&newest_first).await?;
        events.reverse();
        Ok(events)
    }

    /// Files that the filter lets through, the one that changed last first.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn files(&self, filter: &FileFilter) -> Result<Vec<FileState>, Error> {
        within(ANSWER, listing::files(&self.pool, filter)).await
    }

    /// How much there is, of one environment or of all.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn counts(&self, environment: Option<Environment>) -> Result<Counts, Error> {
        within(ANSWER, kept::counts(&self.pool, environment)).await
    }
}
