//! The calls about the reviews of submissions.

use eqp_types::Environment;

use super::{OperatorClient, OperatorError, found, segment};
use crate::api::reviews::{ReviewQuery, ReviewTimes, SubmissionReviews};
use crate::api::submissions::EnvironmentFilter;

impl OperatorClient {
    /// Returns the reviews of the submissions with this ID, or `None` if there are none.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `invalid_request` if the text is not an ID, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn submission_reviews(
        &self,
        id: &str,
        query: &ReviewQuery,
    ) -> Result<Option<SubmissionReviews>, OperatorError> {
        found(self.get(&format!("/submissions/{}/review", segment(id)), query).await)
    }

    /// Returns the time in review of each product over the last 12 months.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn review_times(&self, environment: Option<Environment>) -> Result<ReviewTimes, OperatorError> {
        self.get("/review-times", &EnvironmentFilter { environment }).await
    }
}
