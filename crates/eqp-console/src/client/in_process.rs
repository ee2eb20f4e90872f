//! Calls the router of a service in the same process.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::stream::Opened;
use super::{Answer, OperatorError, Request, is_problem};
use crate::Principal;
use crate::api::events::stream::{LAST_EVENT_ID, StreamCause};
use crate::problem::{Cause, Problem};

/// A service in the same process. Requests carry the principal as an extension, which no request from the network can have.
#[derive(Clone)]
pub(super) struct InProcess {
    router: Router,
    principal: Principal,
}

impl InProcess {
    pub(super) fn new(router: Router, principal: Principal) -> Self {
        Self { router, principal }
    }

    pub(super) async fn call(&self, request: Request) -> Result<Answer, OperatorError> {
        answer(self.send(request).await?).await
    }

    pub(super) async fn stream(&self, path_and_query: String) -> Result<Opened, OperatorError> {
        let mut response = self.send(Request { method: Method::GET, path_and_query, body: None }).await?;
        if !response.status().is_success() {
            return Err(answer(response).await?.into_error());
        }
        let cause = response.extensions_mut().remove::<StreamCause>().unwrap_or_default();
        let status = response.status().as_u16();
        let body = response.into_body().into_data_stream();
        let body = body.map(move |piece| piece.map_err(|_| OperatorError::Malformed { status }));
        Ok(Opened { body: Box::pin(body), cause })
    }

    /// Sends a request and returns the response as it is. `last_event_id` is the number of the last event that a client has received.
    pub(super) async fn forward(
        &self,
        path_and_query: String,
        last_event_id: Option<&HeaderValue>,
    ) -> Result<Response, OperatorError> {
        let mut request = self.request(Request { method: Method::GET, path_and_query, body: None })?;
        if let Some(last) = last_event_id {
            request.headers_mut().insert(LAST_EVENT_ID, last.clone());
        }
        let Ok(response) = self.router.clone().oneshot(request).await;
        Ok(response)
    }

    async fn send(&self, request: Request) -> Result<Response, OperatorError> {
        let Ok(mut response) = self.router.clone().oneshot(self.request(request)?).await;
        match response.extensions_mut().remove::<Cause>() {
            Some(Cause(Some(error))) => Err(OperatorError::Store(error)),
            _ => Ok(response),
        }
    }

    fn request(&self, request: Request) -> Result<http::Request<Body>, OperatorError> {
        let Request { method, path_and_query, body } = request;
        // A path or a query of more than 64 KB is not a URI.
        let uri = http::Uri::try_from(path_and_query)
            .map_err(|_| OperatorError::Problem(Problem::invalid("a value is too long")))?;
        Ok(http::Request::builder()
            .method(method)
            .uri(uri)
            .header(CONTENT_TYPE, "application/json")
            .extension(self.principal.clone())
            .body(body.map_or_else(Body::empty, Body::from))
            .expect("the method, the URI and the header are valid"))
    }
}

async fn answer(response: Response) -> Result<Answer, OperatorError> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| OperatorError::Malformed { status: parts.status.as_u16() })?;
    Ok(Answer { status: parts.status, is_problem: is_problem(&parts.headers), body: body.to_bytes().into() })
}
