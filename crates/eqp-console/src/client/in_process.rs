//! Calls the router of a service in the same process.

use axum::Router;
use axum::body::Body;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{Answer, OperatorError, Request, is_problem};
use crate::problem::Cause;
use crate::{OperatorService, Principal};

/// A service in the same process. Requests carry the principal as an extension, which no request from the network can have.
#[derive(Clone)]
pub(super) struct InProcess {
    router: Router,
    principal: Principal,
}

impl InProcess {
    pub(super) fn new(service: &OperatorService, principal: Principal) -> Self {
        Self { router: service.router(), principal }
    }

    pub(super) async fn call(&self, request: Request) -> Result<Answer, OperatorError> {
        let Request { method, path_and_query, body } = request;
        let request = http::Request::builder()
            .method(method)
            .uri(path_and_query)
            .header(CONTENT_TYPE, "application/json")
            .extension(self.principal.clone())
            .body(body.map_or_else(Body::empty, Body::from))
            .expect("the path and query of a request are encoded");
        let Ok(mut response) = self.router.clone().oneshot(request).await;
        if let Some(Cause(Some(error))) = response.extensions_mut().remove::<Cause>() {
            return Err(OperatorError::Store(error));
        }
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| OperatorError::Malformed { status: parts.status.as_u16() })?;
        Ok(Answer { status: parts.status, is_problem: is_problem(&parts.headers), body: body.to_bytes().into() })
    }
}
