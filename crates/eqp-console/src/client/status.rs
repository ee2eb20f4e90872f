//! The calls about the status of products.

use super::{OperatorClient, OperatorError};
use crate::api::find::{FindQuery, FoundList};
use crate::api::status::StatusQuery;
use crate::status::Status;

impl OperatorClient {
    /// Returns the status of products.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if a selected product is not known, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn status(&self, query: &StatusQuery) -> Result<Status, OperatorError> {
        self.get("/status", query).await
    }

    /// Finds products, submissions, files and events by an ID or a piece of text.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn find(&self, query: &FindQuery) -> Result<FoundList, OperatorError> {
        self.get("/find", query).await
    }
}
