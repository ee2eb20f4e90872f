//! The calls of the API, one file each. A slash after a collection, or after an id, is accepted.

mod calls;
mod drain;
mod extract;
mod files_delete;
mod files_get;
mod files_list;
mod files_upload;
mod keys;
mod packages_create;
mod packages_get;
mod packages_list;
mod packages_named;
mod packages_update;
mod reports;
mod session_token;
mod test_report;
mod test_results;
mod users_get;
mod users_put;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};
use http::StatusCode;

pub(crate) use calls::name_of;
pub use calls::{CALLS, Call};
pub(crate) use drain::drain;
pub(crate) use extract::bearer;
pub(crate) use files_upload::receive as receive_upload;

use crate::fault;
use crate::refused::Refused;
use crate::shared::Shared;
use crate::spelling;

type Routes = Router<Arc<Shared>>;

/// JSON bodies are at most so long; uploads have limits of their own.
const LONGEST_BODY: usize = 8 * 1024 * 1024;

/// Every route of the API.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let mut routes = Routes::new();
    for (path, methods) in table() {
        routes = routes.route(&format!("/rest/v1{path}"), methods.clone());
        routes = routes.route(&format!("/rest/v1{path}/"), methods);
    }
    routes
        .fallback(async || Refused::new(StatusCode::NOT_FOUND, "There is no such path"))
        .method_not_allowed_fallback(async || {
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "There is no such method here")
        })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn_with_state(Arc::clone(&shared), spelling::respell))
        .layer(from_fn_with_state(Arc::clone(&shared), fault::carry_out))
        .with_state(shared)
}

/// The calls, by path.
fn table() -> Vec<(&'static str, MethodRouter<Arc<Shared>>)> {
    vec![
        ("/app/session/token", post(session_token::handle)),
        // The spelling of older programs.
        ("/apps/session/token", post(session_token::handle)),
        ("/users/{mage_id}", get(users_get::handle).put(users_put::handle)),
        ("/users/{mage_id}/keys", get(keys::list).post(keys::create)),
        ("/users/{mage_id}/keys/{label}", put(keys::update).delete(keys::remove)),
        ("/users/{mage_id}/reports/{report}", get(reports::of_user)),
        ("/reports/metrics", get(reports::metrics)),
        ("/reports/metrics/{metric}", get(reports::metric)),
        ("/files/uploads", post(files_upload::handle).layer(DefaultBodyLimit::disable()).get(files_list::handle)),
        ("/files/uploads/{file_upload_id}", get(files_get::handle).merge(delete(files_delete::handle))),
        ("/products/packages", post(packages_create::handle).put(packages_update::batch).get(packages_list::handle)),
        ("/products/packages/skus", get(packages_named::all_skus)),
        ("/products/packages/skus/{sku}", get(packages_named::by_sku)),
        ("/products/packages/items", get(packages_named::all_items)),
        ("/products/packages/items/{item_id}", get(packages_named::by_item)),
        ("/products/packages/sku/{sku}/status", get(test_results::by_sku)),
        ("/products/packages/item/{item_id}/status", get(test_results::by_item)),
        ("/products/packages/{id}", get(packages_get::handle).put(packages_update::one)),
        ("/products/packages/{id}/status", get(test_results::by_submission)),
        ("/products/packages/{id}/status/{tool}/{tool_run_id}", get(test_report::handle)),
        // The documentation's examples also spell these without the collection.
        ("/{id}/status", get(test_results::by_submission)),
        ("/{id}/status/{tool}/{tool_run_id}", get(test_report::handle)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_belongs_to_a_call_and_every_call_has_a_route() {
        let mut paths: Vec<_> = CALLS.iter().map(|call| call.path).collect();
        paths.sort_unstable();
        paths.dedup();
        let mut routes: Vec<_> = table().iter().map(|(path, _)| *path).collect();
        routes.sort_unstable();
        assert_eq!(routes, paths);
    }
}
