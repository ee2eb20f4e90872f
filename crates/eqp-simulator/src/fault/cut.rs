//! Closes connections without a response.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use eqp_tls::listener::{Answer, Peer};

/// Marks a response that is not sent: as the error of a handler it makes the listener close the connection.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is closed by an injected fault")]
pub(crate) struct Cut;

/// Returns the response with which a handler closes the connection.
pub(crate) fn cut() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Cut);
    response
}

/// A router that closes the connection if a handler answers with [`cut`].
#[derive(Clone, Debug)]
pub(crate) struct Cutting(Router);

/// Wraps a router so that its handlers can close connections.
pub(crate) fn cutting(router: Router) -> Cutting {
    Cutting(router)
}

impl Answer for Cutting {
    type Error = Cut;

    fn answer(&self, peer: Peer, request: Request) -> impl Future<Output = Result<Response, Cut>> + Send + 'static {
        let answer = self.0.answer(peer, request);
        async move {
            let Ok(response) = answer.await;
            match response.extensions().get::<Cut>() {
                Some(cut) => Err(*cut),
                None => Ok(response),
            }
        }
    }
}
