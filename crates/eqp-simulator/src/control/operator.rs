//! Only who bears the control token is let in.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use eqp_types::Secret;
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::routes::bearer;

pub(super) async fn check(State(token): State<Arc<Secret>>, request: Request, next: Next) -> Response {
    let sent = bearer(request.headers()).unwrap_or_default();
    if bool::from(sent.as_bytes().ct_eq(token.expose().as_bytes())) {
        next.run(request).await
    } else {
        Problem::unauthorized().into_response()
    }
}
