//! The routes of the API, with one module for each resource. A trailing slash is accepted.

mod extract;
mod files;
mod keys;
mod middleware;
mod packages;
mod test_results;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use eqp_types::calls::{self, ApiCall, Method};
use http::StatusCode;

pub(crate) use extract::{basic, bearer, drain};
pub(crate) use files::receive as receive_upload;

use crate::error_response::ErrorResponse;
use crate::shared::Shared;

type Routes = Router<Arc<Shared>>;

/// The largest JSON body; uploads have their own limits.
const LONGEST_BODY: usize = 8 * 1024 * 1024;

/// Returns every route of the API.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let mut routes = Routes::new();
    for (call, handler) in table() {
        for path in call.paths() {
            routes = routes.route(&format!("/rest/v1{path}"), handler.clone());
            routes = routes.route(&format!("/rest/v1{path}/"), handler.clone());
        }
    }
    routes
        .fallback(async || ErrorResponse::new(StatusCode::NOT_FOUND, "The path does not exist"))
        .method_not_allowed_fallback(async || {
            ErrorResponse::new(StatusCode::METHOD_NOT_ALLOWED, "The path does not support this method")
        })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn_with_state(Arc::clone(&shared), middleware::rewrite_spelling))
        .layer(from_fn_with_state(Arc::clone(&shared), middleware::inject_faults))
        .with_state(shared)
}

type Handler = MethodRouter<Arc<Shared>>;

/// Returns the calls with their handlers; the handler of the profile also answers the short profile.
fn table() -> Vec<(&'static ApiCall, Handler)> {
    vec![
        handled(&calls::SESSION_TOKEN, users::session_token),
        handled(&calls::USERS_GET, users::get),
        handled(&calls::USERS_PUT, users::put),
        handled(&calls::KEYS_LIST, keys::list),
        handled(&calls::KEYS_CREATE, keys::create),
        handled(&calls::KEYS_UPDATE, keys::update),
        handled(&calls::KEYS_DELETE, keys::remove),
        handled(&calls::REPORTS_GET, users::report),
        handled(&calls::REPORTS_METRICS, users::metrics),
        handled(&calls::REPORTS_METRIC, users::metric),
        (&calls::FILES_UPLOAD, handled(&calls::FILES_UPLOAD, files::upload).1.layer(DefaultBodyLimit::disable())),
        handled(&calls::FILES_LIST, files::list),
        handled(&calls::FILES_GET, files::get),
        handled(&calls::FILES_DELETE, files::delete),
        handled(&calls::PACKAGES_CREATE, packages::create),
        handled(&calls::PACKAGES_UPDATE, packages::update),
        handled(&calls::PACKAGES_UPDATE_ONE, packages::update_one),
        handled(&calls::PACKAGES_LIST, packages::list),
        handled(&calls::PACKAGES_GET, packages::get),
        handled(&calls::PACKAGES_SKUS, packages::all_skus),
        handled(&calls::PACKAGES_BY_SKU, packages::by_sku),
        handled(&calls::PACKAGES_ITEMS, packages::all_items),
        handled(&calls::PACKAGES_BY_ITEM, packages::by_item),
        handled(&calls::TESTS_OF_SUBMISSION, test_results::by_submission),
        handled(&calls::TESTS_OF_SKU, test_results::by_sku),
        handled(&calls::TESTS_OF_ITEM, test_results::by_item),
        handled(&calls::TEST_REPORT, test_results::report),
    ]
}

fn handled<H, T>(call: &'static ApiCall, handler: H) -> (&'static ApiCall, Handler)
where
    H: axum::handler::Handler<T, Arc<Shared>>,
    T: 'static,
{
    let method = match call.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Delete => MethodFilter::DELETE,
    };
    (call, on(method, handler))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::answered;

    #[test]
    fn every_call_of_the_table_has_a_handler() {
        let handled: Vec<_> = table().iter().map(|(call, _)| call.name).collect();
        for call in answered() {
            assert_eq!(handled.iter().filter(|name| **name == call.name).count(), 1, "{}", call.name);
        }
        assert_eq!(handled.len(), answered().count());
    }
}
