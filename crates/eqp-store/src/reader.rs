//! Reads events, submissions, files and callbacks from the database.

use eqp_types::Environment;
use sqlx::PgPool;
use uuid::Uuid;

use crate::deadline::{ANSWER, within};
use crate::model::{
    Counts, DeadLetter, DuplicateCallback, Event, EventDetail, EventFilter, EventKind, FileFilter, FileState,
    HIGHEST_LIMIT, StoredApiRead, StoredCallback, Submission, SubmissionFilter, SubmissionHistory,
};
use crate::sql::listen::{Channel, NotificationListener, SharedListener};
use crate::sql::{api_read, handler_cursor, listing, projector, stored_callback, submissions};
use crate::supervise::Supervisor;
use crate::{Error, Tail};

/// Reads the database of a receiver, and changes nothing in it. Cheap to clone.
///
/// ```no_run
/// use eqp_store::{Reader, SubmissionFilter};
///
/// # async fn example(pool: sqlx::PgPool) -> Result<(), eqp_store::Error> {
/// let reader = Reader::new(pool);
/// let ambiguous = SubmissionFilter { ambiguous: Some(true), ..SubmissionFilter::default() };
/// for submission in reader.submissions(&ambiguous).await? {
///     println!("{} {:?}", submission.submission_id, submission.overall);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    pool: PgPool,
}

impl Reader {
    /// Creates a reader that uses an existing connection pool. The database must have the tables of this version; see
    /// [`Store::check`](crate::Store::check).
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Returns the events that match a filter.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, Error> {
        within(ANSWER, listing::events(&self.pool, filter)).await
    }

    /// Returns an event with the callback that reported it, if one did, and its duplicates, or `None` if there is no event with this number.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn event(&self, seq: i64) -> Result<Option<EventDetail>, Error> {
        let only = EventFilter {
            after_seq: Some(seq.saturating_sub(1)),
            before_seq: Some(seq.saturating_add(1)),
            limit: 1,
            ..EventFilter::default()
        };
        let Some(event) = self.events(&only).await?.pop() else { return Ok(None) };
        let callback = match event.callback_id {
            Some(id) => self.callback(id).await?,
            None => None,
        };
        let api_read = match event.api_read_id {
            Some(id) => self.api_read(id).await?,
            None => None,
        };
        let duplicates = match event.report() {
            Some(report) => self.duplicates(report.uuid()).await?,
            None => Vec::new(),
        };
        Ok(Some(EventDetail { event, callback, api_read, duplicates }))
    }

    /// Returns the `seq` of the newest event, or 0 if there are no events.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn latest_seq(&self) -> Result<i64, Error> {
        within(ANSWER, projector::latest_seq(&self.pool)).await
    }

    /// Follows the events that match a filter, in the order of their `seq`: first those after the filter's `after_seq`, then new
    /// ones as they are recorded. Without `after_seq`, only new events are returned. The filter's order and limit are ignored.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn tail(&self, filter: EventFilter) -> Result<Tail, Error> {
        self.tail_of(filter, Supervisor::default()).await
    }

    /// Follows events as [`tail`](Self::tail) does, for a part of a receiver whose panics are counted.
    #[doc(hidden)]
    pub async fn tail_of(&self, filter: EventFilter, supervisor: Supervisor) -> Result<Tail, Error> {
        self.tail_by(filter, NotificationListener::new(&self.pool, Channel::Events, supervisor)).await
    }

    /// Follows events as [`tail`](Self::tail) does, with the connection for notifications of other readers.
    #[doc(hidden)]
    pub async fn tail_sharing(&self, filter: EventFilter, shared: &SharedListener) -> Result<Tail, Error> {
        self.tail_by(filter, shared.listen(&self.pool, Channel::Events, Supervisor::default())).await
    }

    async fn tail_by(&self, filter: EventFilter, listener: NotificationListener) -> Result<Tail, Error> {
        let after = match filter.after_seq {
            Some(after) => after,
            None => self.latest_seq().await?,
        };
        Ok(Tail::new(self.pool.clone(), filter, after, listener))
    }

    /// Returns the newest dead letters of one handler or of all, newest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn dead_letters(&self, handler: Option<&str>, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        within(ANSWER, handler_cursor::dead_letters(&self.pool, handler, limit.min(HIGHEST_LIMIT).into())).await
    }

    /// Returns a stored callback, or `None` if there is no callback with this ID.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn callback(&self, id: Uuid) -> Result<Option<StoredCallback>, Error> {
        within(ANSWER, stored_callback::callback(&self.pool, id)).await
    }

    /// Returns a stored API read, or `None` if there is no API read with this ID.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn api_read(&self, id: Uuid) -> Result<Option<StoredApiRead>, Error> {
        within(ANSWER, api_read::stored(&self.pool, id)).await
    }

    /// Returns later callbacks that are duplicates of this callback or API read, oldest first, at most 1,000.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn duplicates(&self, report_id: Uuid) -> Result<Vec<DuplicateCallback>, Error> {
        within(ANSWER, stored_callback::duplicates(&self.pool, report_id)).await
    }

    /// Returns the submissions that match a filter, most recently changed first.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn submissions(&self, filter: &SubmissionFilter) -> Result<Vec<Submission>, Error> {
        within(ANSWER, submissions::submissions(&self.pool, filter)).await
    }

    /// Returns the submissions with this ID and their events. Several accounts can have a submission with the same ID.
    ///
    /// The ID is looked up as `submission_id`, and if no submission has it, as `item_id`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
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
            resource_id: Some(submission.submission_id.clone()),
            limit: HIGHEST_LIMIT,
            ..EventFilter::default()
        };
        let mut events = self.events(&newest_first).await?;
        events.reverse();
        Ok(events)
    }

    /// Returns the files that match a filter, most recently changed first.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn files(&self, filter: &FileFilter) -> Result<Vec<FileState>, Error> {
        within(ANSWER, listing::files(&self.pool, filter)).await
    }

    /// Counts the callbacks, events and resources of one environment or of all.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn counts(&self, environment: Option<Environment>) -> Result<Counts, Error> {
        within(ANSWER, stored_callback::counts(&self.pool, environment)).await
    }
}
