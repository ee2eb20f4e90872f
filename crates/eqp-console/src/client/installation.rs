//! The calls about endpoints, products, runs of the reconciliation and spools.

use super::{OperatorClient, OperatorError, found};
use crate::api::endpoints::{EndpointList, EndpointQuery};
use crate::api::products::{ProductList, ProductQuery};
use crate::api::reconcile_runs::{ReconcileRunDetail, ReconcileRunList, ReconcileRunQuery};
use crate::api::spool::Spools;

impl OperatorClient {
    /// Returns endpoints with their registration and credentials, by name.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn endpoints(&self, query: &EndpointQuery) -> Result<EndpointList, OperatorError> {
        self.get("/endpoints", query).await
    }

    /// Returns products, by SKU.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn products(&self, query: &ProductQuery) -> Result<ProductList, OperatorError> {
        self.get("/products", query).await
    }

    /// Returns runs of the reconciliation, newest first.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn reconcile_runs(&self, query: &ReconcileRunQuery) -> Result<ReconcileRunList, OperatorError> {
        self.get("/reconcile-runs", query).await
    }

    /// Returns a run of the reconciliation, or `None` if there is no run with this number.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn reconcile_run(&self, id: i64) -> Result<Option<ReconcileRunDetail>, OperatorError> {
        found(self.get(&format!("/reconcile-runs/{id}"), &()).await)
    }

    /// Returns the content of the spools.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn spools(&self) -> Result<Spools, OperatorError> {
        self.get("/spool", &()).await
    }
}
