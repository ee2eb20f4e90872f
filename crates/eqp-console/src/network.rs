//! The router for the network: the API, whose requests need a token, and the pages, whose requests need a session.

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use tower::ServiceExt;

use crate::authenticate::{AllowedHosts, Authenticator, authenticate};
use crate::{OperatorService, pages};

impl OperatorService {
    /// Returns the router for the network: the API under `/api`, and the pages for browsers. Each request to the API needs a token, and
    /// each page a session, which begins with a token. `hosts` are the host names under which it can be called, besides `localhost` and
    /// addresses. It sends no CORS headers, so pages of other sites cannot read its responses.
    pub fn network_router(&self, hosts: &[String]) -> Router {
        let authenticator = Authenticator::new(self.store().clone(), AllowedHosts::new(hosts));
        let api = self.router();
        let pages = pages::router(self.store().clone(), api.clone(), authenticator.clone());
        let api = api.layer(from_fn_with_state(authenticator, authenticate));
        // Each of the two answers requests for unknown paths in its own format, which merged routers cannot.
        Router::new().fallback(move |request: Request| {
            let path = request.uri().path();
            let is_api = path == "/api" || path.starts_with("/api/");
            let router = if is_api { api.clone() } else { pages.clone() };
            router.oneshot(request)
        })
    }
}
