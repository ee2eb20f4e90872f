//! The listener for whoever runs the receiver: metrics and health. Nothing here is for the Marketplace.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;

use crate::Metrics;
use crate::accept::Acceptor;
use crate::metrics;

/// What is needed to answer.
#[derive(Clone)]
struct Operator {
    acceptor: Acceptor,
    metrics: Metrics,
}

/// Answers what the operator asks.
pub(crate) fn router(acceptor: Acceptor, metrics: Metrics) -> Router {
    Router::new()
        .route("/metrics", get(numbers))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(Operator { acceptor, metrics })
}

async fn numbers(State(Operator { acceptor, metrics }): State<Operator>) -> Response {
    acceptor.observe(&metrics);
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.text()).into_response()
}

async fn alive() -> Response {
    Acceptor::alive()
}

async fn ready(State(operator): State<Operator>) -> Response {
    operator.acceptor.ready()
}
