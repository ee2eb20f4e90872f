//! Routes a request by its method and path, before its credential is checked.

use http::Method;

/// The purpose of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Alive,
    Ready,
    /// A POST to any path. The credential decides which endpoint it belongs to, or that it is rejected.
    Callback,
    WrongMethod,
    /// A path of the embedding service.
    Nothing,
}

/// Returns the route of a request. Registered and other paths are treated the same, so that clients cannot find out
/// which paths are registered. Only in an embedding service are some paths not ours (`is_ours`).
pub(super) fn route(method: &Method, path: &str, is_ours: impl FnOnce() -> bool) -> Route {
    match path {
        _ if method == Method::POST => Route::Callback,
        "/healthz" if method == Method::GET || method == Method::HEAD => Route::Alive,
        "/readyz" if method == Method::GET || method == Method::HEAD => Route::Ready,
        "/healthz" | "/readyz" => Route::WrongMethod,
        _ if is_ours() => Route::WrongMethod,
        _ => Route::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_and_path_determine_the_route() {
        for (method, path, embedded, everywhere) in [
            (Method::GET, "/healthz", Route::Alive, Route::Alive),
            (Method::HEAD, "/readyz", Route::Ready, Route::Ready),
            (Method::DELETE, "/readyz", Route::WrongMethod, Route::WrongMethod),
            (Method::POST, "/healthz", Route::Callback, Route::Callback),
            (Method::POST, "/callbacks/main", Route::Callback, Route::Callback),
            (Method::POST, "/", Route::Callback, Route::Callback),
            (Method::GET, "/callbacks/nobody", Route::WrongMethod, Route::WrongMethod),
            (Method::GET, "/", Route::Nothing, Route::WrongMethod),
            (Method::GET, "//healthz", Route::Nothing, Route::WrongMethod),
        ] {
            assert_eq!(route(&method, path, || path.starts_with("/callbacks/")), embedded, "{method} {path}");
            assert_eq!(route(&method, path, || true), everywhere, "{method} {path}");
        }
    }
}
