//! Reads statuses from the database, which receives changes immediately, and from the API, which is authoritative.

use std::time::Duration;

use eqp_client::Client;
use eqp_store::{Error, EventFilter, FileFilter, Reader, Tail};
use eqp_types::{Environment, FileUploadId, Flow, SubmissionId, canonical_status};

use super::result::statuses_of;
use super::state::Observation;
use crate::submission::find_by_id;

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

/// Reads the statuses from the database, which are known from callbacks.
pub(super) async fn read_database(
    reader: &Reader,
    environment: Option<Environment>,
    resource: &Resource,
) -> Result<Observation, Error> {
    match resource {
        Resource::File(id) => {
            let filter = FileFilter { environment, file_upload_id: Some(id.to_string()), ..FileFilter::default() };
            let found = reader.files(&filter).await?;
            Ok(scan(found.into_iter().next().map(|file| file.malware)))
        }
        Resource::Submission(id) => {
            let Some(found) = reader.submission(environment, id.as_str()).await?.into_iter().next() else {
                return Ok(Observation::default());
            };
            let submission = found.submission;
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

/// Follows the events of an environment.
pub(crate) async fn event_tail(reader: &Reader, environment: Option<Environment>) -> Result<Tail, Error> {
    reader.tail(EventFilter { environment, ..EventFilter::default() }).await
}

/// Waits for the next event, but at most for the given time.
pub(super) async fn wait_for_event(tail: Option<&mut Tail>, at_most: Duration) -> Result<(), Error> {
    let Some(tail) = tail else {
        tokio::time::sleep(at_most).await;
        return Ok(());
    };
    match tokio::time::timeout(at_most, tail.next()).await {
        Ok(event) => event.map(drop),
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
