//! Reads statuses from what a receiver has recorded, which is up to date immediately, and from the API, which is authoritative.

use std::time::Duration;

use eqp_client::Client;
use eqp_types::{Environment, FileUploadId, Flow, SubmissionId, canonical_status};
use futures_util::StreamExt;

use super::result::statuses_of;
use super::state::Observation;
use crate::find_by_id::find_by_id;
use crate::{EventSource, EventSourceError, RecordedEvents};

/// The resource to wait for.
#[derive(Clone, Debug, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Resource {
    /// A file.
    File(FileUploadId),
    /// A submission, by its submission ID or item ID.
    Submission(SubmissionId),
}

impl Resource {
    /// Returns the ID as given.
    pub fn id(&self) -> &str {
        match self {
            Self::File(id) => id.as_str(),
            Self::Submission(id) => id.as_str(),
        }
    }

    /// Returns the resource kind: `file` or `submission`.
    pub fn kind(&self) -> &'static str {
        self.into()
    }
}

/// Reads the statuses that a receiver has recorded.
pub(super) async fn read_recorded(
    source: &dyn EventSource,
    environment: Option<Environment>,
    resource: &Resource,
) -> Result<Observation, EventSourceError> {
    match resource {
        Resource::File(id) => Ok(scan(source.file(environment, id).await?.map(|file| file.malware))),
        Resource::Submission(id) => {
            let Some(submission) = source.submission(environment, id).await? else {
                return Ok(Observation::default());
            };
            let flows = [
                (Flow::Overall, submission.overall),
                (Flow::Technical, submission.technical),
                (Flow::Marketing, submission.marketing),
            ];
            let statuses = flows.into_iter().filter_map(|(flow, status)| Some((flow, status?))).collect();
            Ok(Observation { statuses, submission: SubmissionId::new(submission.submission_id).ok() })
        }
    }
}

/// Waits for the next event, but at most for the given time. Without events, or after they have ended, waits for that time.
pub(super) async fn wait_for_event(
    events: Option<&mut RecordedEvents>,
    at_most: Duration,
) -> Result<(), EventSourceError> {
    let Some(events) = events else {
        tokio::time::sleep(at_most).await;
        return Ok(());
    };
    match tokio::time::timeout(at_most, events.next()).await {
        Ok(Some(event)) => event.map(drop),
        Ok(None) => Err(EventSourceError::new("no more events are reported")),
        Err(_) => Ok(()),
    }
}

/// Reads the statuses from the API.
pub(super) async fn read_marketplace(client: &Client, resource: &Resource) -> Result<Observation, eqp_client::Error> {
    match resource {
        Resource::File(id) => {
            let record = client.files().get(id).await?;
            Ok(scan(record.malware_status.map(|status| status.to_string())))
        }
        Resource::Submission(id) => {
            let package = find_by_id(client, id).await?;
            Ok(Observation { statuses: statuses_of(package.eqp_status.as_ref()), submission: package.submission_id })
        }
    }
}

/// Converts the status of a scan to canonical spelling: the API writes `pass`, callbacks write `passed`.
fn scan(status: Option<String>) -> Observation {
    let state = |status: String| (Flow::Malware, canonical_status(&Flow::Malware, &status).to_owned());
    Observation { statuses: status.map(state).into_iter().collect(), submission: None }
}
