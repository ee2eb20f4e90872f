//! The calls of the API that the simulator answers, and their names.

use eqp_types::calls::{self, ApiCall};
use http::Method;

/// Returns the calls that the simulator answers. Calls that differ only in their query are the same here: faults and
/// records name a request by its method and path.
pub(crate) fn answered() -> impl Iterator<Item = &'static ApiCall> {
    calls::ALL.iter().copied().filter(|call| call.query.is_none())
}

/// Returns the name of the call that a route answers; `route` is its pattern, with `/rest/v1`.
pub(crate) fn name_of(method: &Method, route: &str) -> Option<&'static str> {
    let route = route.strip_prefix("/rest/v1")?;
    let route = route.strip_suffix('/').unwrap_or(route);
    let is_it = |call: &&ApiCall| call.method.as_str() == method.as_str() && call.paths().any(|path| path == route);
    answered().find(is_it).map(|call| call.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_method_and_route() {
        assert_eq!(name_of(&Method::GET, "/rest/v1/products/packages/"), Some("packages.list"));
        assert_eq!(name_of(&Method::POST, "/rest/v1/products/packages"), Some("packages.create"));
        assert_eq!(name_of(&Method::DELETE, "/rest/v1/products/packages"), None);
        assert_eq!(name_of(&Method::GET, "/rest/v1/{submission_id}/status/"), Some("test_results.summary"));
    }
}
