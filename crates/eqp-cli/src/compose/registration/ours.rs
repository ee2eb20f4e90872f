//! Our side of registrations: the endpoints of our database. It is only made, and only written to, when something is to
//! be kept there.

use std::pin::Pin;

use eqp_receiver::{EndpointSummary, Endpoints};

use crate::failure::Outcome;

/// The endpoints of our database, whether there is one already or not.
pub(crate) struct Ours<'a> {
    /// None while there is no database.
    endpoints: Option<Endpoints>,
    /// How they are opened for writing; none once they are.
    open: Option<Pin<Box<dyn Future<Output = Outcome<Endpoints>> + 'a>>>,
}

impl<'a> Ours<'a> {
    /// Endpoints that can be written to.
    pub(crate) fn opened(endpoints: Endpoints) -> Self {
        Self { endpoints: Some(endpoints), open: None }
    }

    /// Endpoints that are read until something is to be kept: `open` is run before the first write, and not without one.
    pub(crate) fn looked_at(endpoints: Option<Endpoints>, open: impl Future<Output = Outcome<Endpoints>> + 'a) -> Self {
        Self { endpoints, open: Some(Box::pin(open)) }
    }

    /// The endpoints to read; none while there is no database.
    pub(super) fn endpoints(&self) -> Option<&Endpoints> {
        self.endpoints.as_ref()
    }

    /// Every endpoint.
    pub(super) async fn list(&self) -> Outcome<Vec<EndpointSummary>> {
        match &self.endpoints {
            Some(endpoints) => Ok(endpoints.list().await?),
            None => Ok(Vec::new()),
        }
    }

    /// Opens them for writing.
    pub(super) async fn open(&mut self) -> Outcome {
        if let Some(open) = self.open.take() {
            self.endpoints = Some(open.await?);
        }
        Ok(())
    }
}
