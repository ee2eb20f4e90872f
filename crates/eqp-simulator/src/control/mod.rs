//! The control API: looks at the state and steers it, for tests in any language.
//!
//! It lies beside the Marketplace's own paths, on the same port, below [`PATH`]. Every request bears the control token.
//! Answers are JSON; refusals are problems (RFC 9457) that name the nearest right word. Faults never strike it.

mod accounts;
mod callbacks;
mod clock;
mod faults;
mod files;
mod operator;
mod overview;
mod packages;
mod problem;
mod rules;
mod wait;
mod wish;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, delete, get, post};
use eqp_types::Secret;

use self::problem::Problem;
use crate::nearest::nearest;
use crate::shared::Shared;

/// Where the control API lies, below the base URL.
pub const PATH: &str = "/simulator/v1";

/// Every route, behind the token.
pub(crate) fn router(shared: Arc<Shared>, token: Secret) -> Router {
    let mut routes = Router::new().route(&format!("{PATH}/{{*rest}}"), any(nowhere));
    for (path, methods) in table() {
        routes = routes.route(&format!("{PATH}{path}"), methods);
    }
    routes
        .route(PATH, get(overview::get))
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(Arc::new(token), operator::check))
        .with_state(shared)
}

fn table() -> Vec<(&'static str, MethodRouter<Arc<Shared>>)> {
    vec![
        ("/", get(overview::get)),
        ("/accounts", get(accounts::list)),
        ("/files", get(files::list)),
        ("/files/{id}", get(files::get)),
        ("/files/{id}/scan", post(files::end_scan)),
        ("/packages", get(packages::list)),
        ("/packages/{id}", get(packages::get)),
        ("/packages/{id}/advance", post(packages::advance)),
        ("/packages/{id}/outcome", post(packages::outcome)),
        ("/packages/{id}/step", post(packages::step)),
        ("/callbacks", get(callbacks::list).post(callbacks::send)),
        ("/callbacks/{number}/resend", post(callbacks::resend)),
        ("/faults", get(faults::list).post(faults::add).delete(faults::clear)),
        ("/faults/{id}", delete(faults::remove)),
        ("/rules/scans", post(rules::scan)),
        ("/rules/reviews", post(rules::review)),
        ("/clock", get(clock::get).post(clock::skip)),
        ("/sessions", delete(accounts::end_sessions)),
        ("/reset", post(overview::reset)),
    ]
}

async fn nowhere(request: Request) -> Problem {
    let path = request.uri().path();
    let known: Vec<String> = table().into_iter().map(|(known, _)| format!("{PATH}{known}")).collect();
    let near = nearest(path, known.iter().map(String::as_str));
    Problem::not_found(format!("there is no {path}")).nearest(near)
}
