//! The path of an endpoint, as it is registered: it may have a query, end with a slash or be percent-encoded.

use super::EndpointPathError as Refused;

/// Where endpoints lie that have no path of their own.
pub(crate) const PREFIX: &str = "/callbacks/";
const LONGEST: usize = 500;
/// Where the receiver itself answers.
const TAKEN: [&str; 2] = ["/healthz", "/readyz"];

/// Checks a name: it stands in paths, tables and commands.
pub(super) fn check_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Checks an own path.
pub(super) fn check_path(path: &str) -> Result<(), Refused> {
    if !path.starts_with('/') {
        return Err(Refused::NoSlash);
    }
    if path.len() > LONGEST {
        return Err(Refused::TooLong);
    }
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%?".contains(&byte)) {
        return Err(Refused::Character);
    }
    let before_query = path.split('?').next().unwrap_or_default();
    if before_query.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(Refused::Segment);
    }
    if TAKEN.contains(&before_query) {
        return Err(Refused::Taken);
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
            ("callbacks", Refused::NoSlash),
            ("/a/../b", Refused::Segment),
            ("/./a", Refused::Segment),
            ("/a b", Refused::Character),
            ("/a#b", Refused::Character),
            ("/caché", Refused::Character),
            ("/healthz", Refused::Taken),
            ("/readyz?x", Refused::Taken),
            (&format!("/{}", "x".repeat(LONGEST)), Refused::TooLong),
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
