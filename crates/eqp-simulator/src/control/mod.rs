//! The control API, with which tests in any language read and change the state.
//!
//! It is on the same port as the simulated API, below [`PATH`]. Every request needs the control token. Responses are
//! JSON; errors are problem details (RFC 9457) with the most similar valid word. Faults are never injected into it.

mod callbacks;
mod files;
mod overview;
mod packages;
mod problem;
mod request;
mod rules;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, post};
use eqp_types::Secret;
use subtle::ConstantTimeEq;

use self::problem::Problem;
use crate::error::nearest;
use crate::routes::bearer;
use crate::shared::Shared;

/// The path of the control API, below the base URL.
pub const PATH: &str = "/simulator/v1";

/// Returns the routes, which all need the token.
pub(crate) fn router(shared: Arc<Shared>, token: Secret) -> Router {
    let mut routes = Router::new().route(&format!("{PATH}/{{*rest}}"), any(nowhere));
    for (path, methods) in table() {
        routes = routes.route(&format!("{PATH}{path}"), methods);
    }
    routes
        .route(PATH, get(overview::get))
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(Arc::new(token), check_token))
        .with_state(shared)
}

fn table() -> Vec<(&'static str, MethodRouter<Arc<Shared>>)> {
    vec![
        ("/", get(overview::get)),
        ("/accounts", get(overview::accounts)),
        ("/files", get(files::list)),
        ("/files/{id}", get(files::get)),
        ("/files/{id}/scan", post(files::end_scan)),
        ("/packages", get(packages::list)),
        ("/packages/{id}", get(packages::get)),
        ("/packages/{id}/advance", post(packages::advance)),
        ("/packages/{id}/decision", post(packages::decide)),
        ("/packages/{id}/step", post(packages::step)),
        ("/callbacks", get(callbacks::list).post(callbacks::send)),
        ("/callbacks/{number}/resend", post(callbacks::resend)),
        ("/faults", get(rules::faults).post(rules::add_fault).delete(rules::clear_faults)),
        ("/faults/{id}", delete(rules::remove_fault)),
        ("/rules/scans", post(rules::scan)),
        ("/rules/reviews", post(rules::review)),
        ("/clock", get(overview::clock).post(overview::skip)),
        ("/sessions", delete(overview::end_sessions)),
        ("/reset", post(overview::reset)),
    ]
}

async fn nowhere(request: Request) -> Problem {
    let path = request.uri().path();
    let known: Vec<String> = table().into_iter().map(|(known, _)| format!("{PATH}{known}")).collect();
    let near = nearest(path, known.iter().map(String::as_str));
    Problem::not_found(format!("there is no {path}")).nearest(near)
}

/// Rejects requests without the control token.
async fn check_token(State(token): State<Arc<Secret>>, request: Request, next: Next) -> Response {
    let is_token = |sent: &str| bool::from(sent.as_bytes().ct_eq(token.expose().as_bytes()));
    if bearer(request.headers()).is_some_and(is_token) {
        next.run(request).await
    } else {
        Problem::unauthorized().into_response()
    }
}
