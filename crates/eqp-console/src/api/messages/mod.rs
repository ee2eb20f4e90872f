//! Messages that consumers fetch: `/subscriptions/{name}/messages`.

mod fetch;
mod listen;
mod settle;

use eqp_deliver::PullError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::fetch::{FetchRequest, FetchedMessages, PulledMessage};
pub use self::listen::{ListenRequest, Listener};
pub use self::settle::{AckRequest, NackRequest, Settled};
use crate::authorized::ApiState;
use crate::problem::{Problem, ProblemCode};

/// Returns the routes of messages.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(listen::listen))
        .routes(routes!(fetch::fetch))
        .routes(routes!(settle::ack))
        .routes(routes!(settle::nack))
}

impl From<PullError> for Problem {
    fn from(error: PullError) -> Self {
        match error {
            PullError::Store(error) => error.into(),
            PullError::NotFound { .. } => Self::not_found(error.to_string()),
            PullError::NotFetched { .. } | PullError::NoInstance => {
                Self::new(ProblemCode::Conflict).detail(error.to_string())
            }
            error => Self::invalid(error.to_string()),
        }
    }
}
