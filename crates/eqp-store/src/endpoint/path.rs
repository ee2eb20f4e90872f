//! The rules for names and paths of endpoints. A path may contain a query, end with a slash or be percent-encoded.

use crate::model::EndpointPathError;

/// The default path of an endpoint is this prefix and its name.
pub const PREFIX: &str = "/callbacks/";
const LONGEST: usize = 500;
/// Paths that the receiver uses for its health checks.
const TAKEN: [&str; 2] = ["/healthz", "/readyz"];

/// Returns whether a name can be used in paths, tables and commands.
pub(super) fn check_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Checks the path of an endpoint.
pub(super) fn check_path(path: &str) -> Result<(), EndpointPathError> {
    if !path.starts_with('/') {
        return Err(EndpointPathError::NoSlash);
    }
    if path.len() > LONGEST {
        return Err(EndpointPathError::TooLong);
    }
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%?".contains(&byte)) {
        return Err(EndpointPathError::Character);
    }
    let before_query = path.split('?').next().expect("split returns at least one part");
    if before_query.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(EndpointPathError::Segment);
    }
    if TAKEN.contains(&before_query) {
        return Err(EndpointPathError::Taken);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_a_request_can_carry() {
        let longest = format!("/{}", "x".repeat(LONGEST - 1));
        for path in [
            "/rest/v1/callback",
            "/callbacks/main",
            "/callbacks/main/",
            "/eqp",
            "/",
            "//a",
            "/a.b/c~d@e",
            "/a%20b/%c3%a9",
            "/hook?shop=1&x=..",
            "/api/v1/x",
            "/healthz/x",
            &longest,
        ] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        for (path, reason) in [
            ("callbacks", EndpointPathError::NoSlash),
            ("/a/../b", EndpointPathError::Segment),
            ("/./a", EndpointPathError::Segment),
            ("/a b", EndpointPathError::Character),
            ("/a#b", EndpointPathError::Character),
            ("/caché", EndpointPathError::Character),
            ("/healthz", EndpointPathError::Taken),
            ("/readyz?x", EndpointPathError::Taken),
            (&format!("/{}", "x".repeat(LONGEST)), EndpointPathError::TooLong),
        ] {
            assert_eq!(check_path(path), Err(reason), "{path}");
        }
    }

    #[test]
    fn a_name_can_stand_in_a_path() {
        assert!(check_name("main") && check_name("shop-2.eu_west"));
        assert!(!check_name("") && !check_name("a/b") && !check_name("..") && !check_name("-x") && !check_name("é"));
    }
}
