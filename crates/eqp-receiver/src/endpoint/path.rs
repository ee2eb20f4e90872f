//! The path of an endpoint: compared byte for byte, so it is kept to what cannot be spelled twice.

use super::EndpointPathError as Refused;

/// Where endpoints lie that have no path of their own.
pub(crate) const PREFIX: &str = "/callbacks/";
const LONGEST: usize = 500;
/// First segments that the receiver itself answers, now or later.
const TAKEN: [&str; 4] = ["healthz", "readyz", "metrics", "api"];

/// Checks a name: it stands in paths, tables and commands.
pub(super) fn check_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Checks an own path.
pub(super) fn check_path(path: &str) -> Result<(), Refused> {
    let Some(inside) = path.strip_prefix('/') else { return Err(Refused::NoSlash) };
    if path.len() > LONGEST {
        return Err(Refused::TooLong);
    }
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)) {
        return Err(Refused::Character);
    }
    let mut segments = inside.split('/');
    if inside.is_empty() || segments.any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(Refused::Segment);
    }
    if inside.split('/').next().is_some_and(|first| TAKEN.contains(&first)) {
        return Err(Refused::Taken);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        let longest = format!("/{}", "x".repeat(LONGEST - 1));
        for path in ["/rest/v1/callback", "/callbacks/main", "/eqp", "/a.b/c~d@e", &longest] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        for (path, reason) in [
            ("callbacks", Refused::NoSlash),
            ("/", Refused::Segment),
            ("/a/", Refused::Segment),
            ("//a", Refused::Segment),
            ("/a/../b", Refused::Segment),
            ("/./a", Refused::Segment),
            ("/a%2fb", Refused::Character),
            ("/a?b", Refused::Character),
            ("/a#b", Refused::Character),
            ("/caché", Refused::Character),
            ("/healthz", Refused::Taken),
            ("/api/v1/x", Refused::Taken),
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
