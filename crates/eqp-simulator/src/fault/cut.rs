//! Connections that end without an answer.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use tower::ServiceExt;
use tower::util::MapResult;

/// In the place of an answer: the connection ends here. As the error of a service it makes the server do so.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
pub(crate) struct Cut;

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// What a handler answers so that the connection is cut.
pub(super) fn cut() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Cut);
    response
}

/// A router that ends the connection where it answers with [`cut`].
pub(crate) type Cutting = MapResult<Router, fn(Result<Response, Infallible>) -> Result<Response, Cut>>;

/// Makes a router end connections.
pub(crate) fn cutting(router: Router) -> Cutting {
    ServiceExt::<Request>::map_result(router, |answer: Result<Response, Infallible>| {
        let Ok(response) = answer;
        match response.extensions().get::<Cut>() {
            Some(cut) => Err(*cut),
            None => Ok(response),
        }
    })
}
