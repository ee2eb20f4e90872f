//! Which request means what, before anybody is asked for a credential.

use http::Method;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Alive,
    Ready,
    /// A callback, or the attempt of one, at whatever path; whose it is, the credential decides.
    Callback,
    WrongMethod,
    /// Nothing of ours, in an embedding service.
    Nothing,
}

/// Known and unknown paths are the same, so that nobody can find out names. Only in a service that embeds the receiver
/// some paths are not ours (`is_ours`).
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
    fn every_request_has_one_meaning() {
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
