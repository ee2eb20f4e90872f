//! Where states are read: the database, which hears of changes at once, and the API, which is the source of truth.

use std::time::Duration;

use eqp_client::Client;
use eqp_receiver::{EventFilter, FileFilter, Reader, Tail};
use eqp_types::{Environment, FileUploadId, Flow, ItemId, SubmissionId};

use super::verdict::{States, states_of};
use crate::failure::{Exit, Failure, Outcome};

/// What is waited for.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// A file's malware scan.
    File(FileUploadId),
    /// A submission, by its id or the developer's own.
    Submission(SubmissionId),
}

impl Subject {
    /// The id as it was given.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::File(id) => id.as_str(),
            Self::Submission(id) => id.as_str(),
        }
    }

    /// The word for its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Submission(_) => "submission",
        }
    }
}

/// The states that callbacks have told.
pub(super) async fn heard(reader: &Reader, environment: Option<Environment>, subject: &Subject) -> Outcome<States> {
    match subject {
        Subject::File(id) => {
            let filter = FileFilter { environment, file_upload_id: Some(id.to_string()), ..FileFilter::default() };
            let found = reader.files(&filter).await?;
            Ok(found.into_iter().next().map(|file| (Flow::Malware, file.malware)).into_iter().collect())
        }
        Subject::Submission(id) => {
            let Some(found) = reader.submission(environment, id.as_str()).await?.into_iter().next() else {
                return Ok(Vec::new());
            };
            let submission = found.submission;
            let flows = [
                (Flow::Overall, submission.overall),
                (Flow::Technical, submission.technical),
                (Flow::Marketing, submission.marketing),
            ];
            Ok(flows.into_iter().filter_map(|(flow, outcome)| Some((flow, outcome?))).collect())
        }
    }
}

/// Events that may change what was heard.
pub(in crate::commands) async fn changes(reader: &Reader, environment: Option<Environment>) -> Outcome<Tail> {
    Ok(reader.tail(EventFilter { environment, ..EventFilter::default() }).await?)
}

/// Waits for the next event, or until it is time to look anyway.
pub(super) async fn next_change(tail: Option<&mut Tail>, at_most: Duration) -> Outcome {
    let Some(tail) = tail else {
        tokio::time::sleep(at_most).await;
        return Ok(());
    };
    match tokio::time::timeout(at_most, tail.next()).await {
        Ok(event) => event.map(drop).map_err(Failure::from),
        Err(_) => Ok(()),
    }
}

/// The states that the API shows.
pub(super) async fn asked(client: &Client, subject: &Subject) -> Result<States, eqp_client::Error> {
    match subject {
        Subject::File(id) => {
            let record = client.files().get(id).await?;
            Ok(record.malware_status.map(|status| (Flow::Malware, status.to_string())).into_iter().collect())
        }
        Subject::Submission(id) => {
            let package = match client.packages().get(id).await {
                Err(error) if error.is_not_found() => {
                    let Ok(item) = ItemId::new(id.as_str()) else { return Err(error) };
                    client.packages().by_item(&item).await?.ok_or(error)?
                }
                result => result?,
            };
            Ok(states_of(package.eqp_status.as_ref()))
        }
    }
}

/// There has to be somebody to ask.
pub(super) fn nobody_to_ask() -> Failure {
    Failure::new(Exit::Usage, "there is nobody to ask: neither a database nor an access key")
        .next("start eqp serve with the same data folder, or name a database in EQP_DATABASE_URL")
        .next("or set EQP_APPLICATION_ID and EQP_APPLICATION_SECRET_FILE to ask the Marketplace")
}
