//! Provides waits and releases with what a receiver has recorded, through the operator service.

use async_trait::async_trait;
use eqp_console::OperatorClient;
use eqp_release::{EventSource, EventSourceError, RecordedEvents};
use eqp_store::{EventFilter, FileFilter, FileState, Submission};
use eqp_types::{Environment, FileUploadId, SubmissionId};
use futures_util::StreamExt;
use futures_util::stream;

use super::operator::Operator;
use crate::config::DatabaseChoice;
use crate::context::Context;
use crate::failure::Result;

/// Opens the operator service, if a server or a database is configured or a receiver has run in the data folder.
pub(crate) async fn open(context: &Context) -> Result<Option<Operator>> {
    let settings = &context.settings;
    let is_there = settings.server.url.is_some()
        || match settings.database.resolve()? {
            DatabaseChoice::Given(_) => true,
            DatabaseChoice::Embedded => settings.data.place()?.join("postgres").is_dir(),
        };
    if is_there { Operator::open_to_read(context).await.map(Some) } else { Ok(None) }
}

/// Returns the source of events that the operator service provides.
pub(crate) fn source(operator: &Operator) -> impl EventSource + use<> {
    Recorded(operator.client().clone())
}

struct Recorded(OperatorClient);

#[async_trait]
impl EventSource for Recorded {
    async fn submission(
        &self,
        environment: Option<Environment>,
        id: &SubmissionId,
    ) -> Result<Option<Submission>, EventSourceError> {
        let found = self.0.submission(environment, id.as_str()).await.map_err(EventSourceError::new)?;
        Ok(found.and_then(|found| found.submissions.into_iter().next()).map(|history| history.submission))
    }

    async fn file(
        &self,
        environment: Option<Environment>,
        id: &FileUploadId,
    ) -> Result<Option<FileState>, EventSourceError> {
        let filter = FileFilter { environment, file_upload_id: Some(id.to_string()), ..FileFilter::default() };
        Ok(self.0.files(&filter).await.map_err(EventSourceError::new)?.files.into_iter().next())
    }

    async fn follow(&self, environment: Option<Environment>) -> Result<RecordedEvents, EventSourceError> {
        let filter = EventFilter { environment, ..EventFilter::default() };
        let followed = self.0.follow(&filter).await.map_err(EventSourceError::new)?;
        let events = stream::unfold(Some(followed), |followed| async {
            let mut followed = followed?;
            match followed.next().await {
                Ok(event) => event.map(|event| (Ok(event), Some(followed))),
                Err(error) => Some((Err(EventSourceError::new(error)), None)),
            }
        });
        Ok(events.boxed())
    }
}
