//! The calls about stored callbacks and files.

use eqp_store::internal::CallbackFilter;
use eqp_types::Environment;
use uuid::Uuid;

use super::{OperatorClient, OperatorError, found, segment};
use crate::api::callbacks::CallbackList;
use crate::api::callbacks::detail::CallbackDetail;
use crate::api::files::FileHistories;
use crate::api::submissions::EnvironmentFilter;

impl OperatorClient {
    /// Returns a page of the stored callbacks that match a filter, newest first.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn callbacks(&self, filter: &CallbackFilter) -> Result<CallbackList, OperatorError> {
        self.get("/callbacks", filter).await
    }

    /// Returns a callback with its headers and body, or `None` if there is no callback with this ID.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn callback(&self, id: Uuid) -> Result<Option<CallbackDetail>, OperatorError> {
        found(self.get(&format!("/callbacks/{id}"), &()).await)
    }

    /// Returns the body of a callback, byte for byte, or `None` if there is no callback with this ID.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn callback_body(&self, id: Uuid) -> Result<Option<Vec<u8>>, OperatorError> {
        found(self.get_bytes(&format!("/callbacks/{id}/raw")).await)
    }

    /// Returns the files with this ID and their events, or `None` if there are none.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn file(
        &self,
        environment: Option<Environment>,
        id: &str,
    ) -> Result<Option<FileHistories>, OperatorError> {
        found(self.get(&format!("/files/{}", segment(id)), &EnvironmentFilter { environment }).await)
    }
}
