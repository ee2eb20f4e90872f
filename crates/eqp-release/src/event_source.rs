//! The source of what a receiver has recorded: its database, or a server that reads it.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use eqp_store::{Event, EventFilter, FileFilter, FileState, Reader, Submission};
use eqp_types::{Environment, FileUploadId, SubmissionId};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

/// Provides the submissions, files and events that a receiver has recorded.
///
/// [`Reader`] provides those of a database:
///
/// ```no_run
/// use eqp_release::EventSource;
/// use eqp_types::SubmissionId;
///
/// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// let source: &dyn EventSource = &eqp_store::Reader::new(pool);
/// if let Some(submission) = source.submission(None, &SubmissionId::new("s5w9k703ru")?).await? {
///     println!("{:?}", submission.technical);
/// }
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait EventSource: Send + Sync {
    /// Returns a submission by its submission ID or item ID, or `None` if nothing about it was recorded.
    ///
    /// # Errors
    /// [`EventSourceError`] if the source cannot be read.
    async fn submission(
        &self,
        environment: Option<Environment>,
        id: &SubmissionId,
    ) -> Result<Option<Submission>, EventSourceError>;

    /// Returns a file, or `None` if nothing about it was recorded.
    ///
    /// # Errors
    /// [`EventSourceError`] if the source cannot be read.
    async fn file(
        &self,
        environment: Option<Environment>,
        id: &FileUploadId,
    ) -> Result<Option<FileState>, EventSourceError>;

    /// Returns the events that are recorded from now on. The stream ends after an error.
    ///
    /// # Errors
    /// [`EventSourceError`] if the source cannot be read.
    async fn follow(&self, environment: Option<Environment>) -> Result<RecordedEvents, EventSourceError>;
}

/// Events as they are recorded.
pub type RecordedEvents = BoxStream<'static, Result<Event, EventSourceError>>;

/// The error that a source of events cannot be read. Its cause is available to the application that provides the source.
#[derive(Debug)]
pub struct EventSourceError(Box<dyn Error + Send + Sync>);

impl EventSourceError {
    /// Creates an error from its cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// Returns the cause.
    pub fn into_cause(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }
}

impl fmt::Display for EventSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for EventSourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[async_trait]
impl EventSource for Reader {
    async fn submission(
        &self,
        environment: Option<Environment>,
        id: &SubmissionId,
    ) -> Result<Option<Submission>, EventSourceError> {
        let found = Self::submission(self, environment, id.as_str()).await.map_err(EventSourceError::new)?;
        Ok(found.into_iter().next().map(|history| history.submission))
    }

    async fn file(
        &self,
        environment: Option<Environment>,
        id: &FileUploadId,
    ) -> Result<Option<FileState>, EventSourceError> {
        let filter = FileFilter { environment, file_upload_id: Some(id.to_string()), ..FileFilter::default() };
        Ok(self.files(&filter).await.map_err(EventSourceError::new)?.into_iter().next())
    }

    async fn follow(&self, environment: Option<Environment>) -> Result<RecordedEvents, EventSourceError> {
        let filter = EventFilter { environment, ..EventFilter::default() };
        let tail = self.tail(filter).await.map_err(EventSourceError::new)?;
        let events = stream::unfold(Some(tail), |tail| async {
            let mut tail = tail?;
            match tail.next().await {
                Ok(event) => event.map(|event| (Ok(event), Some(tail))),
                Err(error) => Some((Err(EventSourceError::new(error)), None)),
            }
        });
        Ok(events.boxed())
    }
}
