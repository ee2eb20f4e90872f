//! Which request means what. Paths are compared byte for byte: nothing is decoded, joined or trimmed.

use http::Method;

use crate::endpoint::path::PREFIX;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Alive,
    Ready,
    /// A callback, or the attempt of one; who it is for, authentication tells.
    Callback,
    WrongMethod {
        allow: &'static str,
    },
    Nothing,
}

/// Under the common prefix, known and unknown paths are the same, so that nobody can find out names.
pub(super) fn route(method: &Method, path: &str, knows: impl Fn(&str) -> bool) -> Route {
    let health = match path {
        "/healthz" => Some(Route::Alive),
        "/readyz" => Some(Route::Ready),
        _ => None,
    };
    match health {
        Some(_) if method != Method::GET && method != Method::HEAD => Route::WrongMethod { allow: "GET, HEAD" },
        Some(health) => health,
        // It may be an endpoint that is newer than the directory.
        None if method == Method::POST => Route::Callback,
        None if path.starts_with(PREFIX) || knows(path) => Route::WrongMethod { allow: "POST" },
        None => Route::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_one_meaning() {
        let wrong_for_post = Route::WrongMethod { allow: "POST" };
        let wrong_for_get = Route::WrongMethod { allow: "GET, HEAD" };
        for (method, path, meaning) in [
            (Method::GET, "/healthz", Route::Alive),
            (Method::HEAD, "/readyz", Route::Ready),
            (Method::POST, "/healthz", wrong_for_get),
            (Method::POST, "/callbacks/main", Route::Callback),
            (Method::POST, "/rest/v1/callback", Route::Callback),
            (Method::GET, "/callbacks/nobody", Route::WrongMethod { allow: "POST" }),
            (Method::GET, "/rest/v1/callback", Route::WrongMethod { allow: "POST" }),
            (Method::DELETE, "/callbacks/main", wrong_for_post),
            (Method::GET, "/callbacks", Route::Nothing),
            (Method::GET, "//healthz", Route::Nothing),
            (Method::GET, "/", Route::Nothing),
        ] {
            assert_eq!(route(&method, path, |path| path == "/rest/v1/callback"), meaning, "{method} {path}");
        }
    }
}
