//! The router of the operator service.

use axum::Router;
use axum::response::{IntoResponse, Response};
use eqp_store::Store;

use crate::api;
use crate::principal::ApiState;
use crate::problem::{Problem, ProblemCode};

/// The operator service of one database.
///
/// ```no_run
/// use eqp_console::{OperatorClient, OperatorService, Principal};
/// use eqp_store::{EventFilter, Store};
///
/// # async fn example(store: Store) -> Result<(), Box<dyn std::error::Error>> {
/// let service = OperatorService::new(store);
/// let client = OperatorClient::in_process(&service, Principal::Local);
/// println!("{:?}", client.events(&EventFilter::default()).await?.events);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OperatorService {
    router: Router,
}

impl OperatorService {
    /// Creates the service of a database.
    pub fn new(store: Store) -> Self {
        let (router, _) = utoipa_axum::router::OpenApiRouter::new().nest(api::BASE, api::routes()).split_for_parts();
        let router = router
            .fallback(unknown_path)
            .method_not_allowed_fallback(method_not_allowed)
            .with_state(ApiState::new(store));
        Self { router }
    }

    /// Returns the router for callers in the same process, who set the principal themselves.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }
}

async fn unknown_path() -> Problem {
    Problem::new(ProblemCode::UnknownPath)
}

async fn method_not_allowed() -> Response {
    Problem::new(ProblemCode::MethodNotAllowed).into_response()
}
