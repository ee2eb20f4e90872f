//! The calls of the API by name: how faults, and whoever reads about them, name a call.

use http::Method;

/// One call of the API. Some can be made by several paths.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// Its name, such as `packages.create`.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path below `/rest/v1`, with `{…}` where an id goes.
    pub path: &'static str,
}

const fn call(name: &'static str, method: Method, path: &'static str) -> Call {
    Call { name, method, path }
}

/// Every call, by every path.
pub const CALLS: &[Call] = &[
    call("session.token", Method::POST, "/app/session/token"),
    call("session.token", Method::POST, "/apps/session/token"),
    call("users.get", Method::GET, "/users/{mage_id}"),
    call("users.put", Method::PUT, "/users/{mage_id}"),
    call("keys.list", Method::GET, "/users/{mage_id}/keys"),
    call("keys.create", Method::POST, "/users/{mage_id}/keys"),
    call("keys.update", Method::PUT, "/users/{mage_id}/keys/{label}"),
    call("keys.delete", Method::DELETE, "/users/{mage_id}/keys/{label}"),
    call("reports.get", Method::GET, "/users/{mage_id}/reports/{report}"),
    call("reports.metrics", Method::GET, "/reports/metrics"),
    call("reports.metric", Method::GET, "/reports/metrics/{metric}"),
    call("files.upload", Method::POST, "/files/uploads"),
    call("files.list", Method::GET, "/files/uploads"),
    call("files.get", Method::GET, "/files/uploads/{file_upload_id}"),
    call("files.delete", Method::DELETE, "/files/uploads/{file_upload_id}"),
    call("packages.create", Method::POST, "/products/packages"),
    call("packages.update", Method::PUT, "/products/packages"),
    call("packages.list", Method::GET, "/products/packages"),
    call("packages.get", Method::GET, "/products/packages/{id}"),
    call("packages.update_one", Method::PUT, "/products/packages/{id}"),
    call("packages.skus", Method::GET, "/products/packages/skus"),
    call("packages.by_sku", Method::GET, "/products/packages/skus/{sku}"),
    call("packages.items", Method::GET, "/products/packages/items"),
    call("packages.by_item", Method::GET, "/products/packages/items/{item_id}"),
    call("test_results.summary", Method::GET, "/products/packages/{id}/status"),
    call("test_results.summary", Method::GET, "/{id}/status"),
    call("test_results.summary_by_sku", Method::GET, "/products/packages/sku/{sku}/status"),
    call("test_results.summary_by_item", Method::GET, "/products/packages/item/{item_id}/status"),
    call("test_results.report", Method::GET, "/products/packages/{id}/status/{tool}/{tool_run_id}"),
    call("test_results.report", Method::GET, "/{id}/status/{tool}/{tool_run_id}"),
];

/// The name of the call that a route answers; `route` is its pattern, with `/rest/v1`.
pub(crate) fn name_of(method: &Method, route: &str) -> Option<&'static str> {
    let route = route.strip_prefix("/rest/v1")?;
    let route = route.strip_suffix('/').unwrap_or(route);
    CALLS.iter().find(|call| call.method == *method && call.path == route).map(|call| call.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_method_and_route() {
        assert_eq!(name_of(&Method::GET, "/rest/v1/products/packages/"), Some("packages.list"));
        assert_eq!(name_of(&Method::POST, "/rest/v1/products/packages"), Some("packages.create"));
        assert_eq!(name_of(&Method::DELETE, "/rest/v1/products/packages"), None);
    }
}
