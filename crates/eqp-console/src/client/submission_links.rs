//! The calls about links to submissions.

use super::{OperatorClient, OperatorError};
use crate::api::submission_links::{CreatedSubmissionLink, NewSubmissionLink, SubmissionLinkList};

impl OperatorClient {
    /// Returns all links to submissions, newest first. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn submission_links(&self) -> Result<SubmissionLinkList, OperatorError> {
        self.get("/submission-links", &()).await
    }

    /// Creates a link with which people outside read the page of one submission. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if the submission is not known, `conflict` if several accounts have a
    /// submission with this ID, and otherwise the errors of [`events`](Self::events).
    pub async fn create_submission_link(
        &self,
        link: &NewSubmissionLink,
    ) -> Result<CreatedSubmissionLink, OperatorError> {
        self.post("/submission-links", link).await
    }

    /// Revokes a link to a submission. Requests with it are refused from then on. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if no link with this number is valid, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn revoke_submission_link(&self, id: i64) -> Result<(), OperatorError> {
        self.delete(&format!("/submission-links/{id}")).await
    }
}
