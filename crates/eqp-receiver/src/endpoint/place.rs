//! Where an endpoint is registered, and how close to it the target of a request is.
//!
//! The credential decides whose callback it is. The target only decides between endpoints that share a user name and a
//! password, and shows whether a proxy changes it on the way.

use percent_encoding::percent_decode_str;
use url::{Position, Url};

/// A proxy that encodes what is encoded already does so once, rarely twice.
const MOST_DECODED: usize = 3;

/// Where an endpoint is registered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The endpoint's own path.
    path: String,
    /// Path and query of the URL that the Marketplace calls; the path where that is not known.
    called: String,
    normal: [String; 2],
}

/// How close a target is to where an endpoint is registered; closer ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closeness {
    Elsewhere,
    /// The same behind a prefix that was added or stripped.
    Prefixed,
    /// Another spelling of the same.
    Respelled,
    Exact,
}

impl Place {
    pub(crate) fn new(path: &str, public_url: &str) -> Self {
        let called = match Url::parse(public_url) {
            Ok(url) => url[Position::BeforePath..Position::AfterQuery].to_owned(),
            Err(_) => path.to_owned(),
        };
        let normal = [normal(path), normal(&called)];
        Self { path: path.to_owned(), called, normal }
    }

    /// The endpoint's own path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether a request with this target came just as it is registered.
    pub(crate) fn is_exactly(&self, target: &str) -> bool {
        target == self.path || target == self.called
    }

    pub(crate) fn closeness(&self, target: &str) -> Closeness {
        if self.is_exactly(target) {
            return Closeness::Exact;
        }
        let target = normal(target);
        let ends_with = |longer: &str, shorter: &str| {
            longer.strip_suffix(shorter).is_some_and(|prefix| shorter.is_empty() || prefix.ends_with('/'))
        };
        self.normal.iter().fold(Closeness::Elsewhere, |closest, normal| {
            let closeness = if *normal == target {
                Closeness::Respelled
            } else if ends_with(&target, normal) || ends_with(normal, &target) {
                Closeness::Prefixed
            } else {
                Closeness::Elsewhere
            };
            closest.max(closeness)
        })
    }

    /// Whether a path is another spelling of where this is registered.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.is_exactly(path) || self.normal.contains(&normal(path))
    }
}

/// The path of a target without what proxies and clients change: query, percent-encoding, letter case, dot segments,
/// empty segments and slashes at either end.
fn normal(target: &str) -> String {
    let mut path = target.split(['?', '#']).next().unwrap_or_default().to_owned();
    for _ in 0..MOST_DECODED {
        let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if decoded == path {
            break;
        }
        path = decoded;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    segments.join("/").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_exact_respelled_behind_a_prefix_or_elsewhere() {
        let place = Place::new("/callbacks/main", "https://eqp.example.com/hooks/main/?shop=1");
        for (target, closeness) in [
            ("/callbacks/main", Closeness::Exact),
            ("/hooks/main/?shop=1", Closeness::Exact),
            ("/hooks/main/", Closeness::Respelled),
            ("/hooks/main?shop=1", Closeness::Respelled),
            ("/callbacks/main?x", Closeness::Respelled),
            ("//callbacks//main//", Closeness::Respelled),
            ("/callbacks/%6dain", Closeness::Respelled),
            ("/callbacks/%256dain", Closeness::Respelled),
            ("/callbacks%2Fmain", Closeness::Respelled),
            ("/x/../callbacks/./main", Closeness::Respelled),
            ("/../../callbacks/main", Closeness::Respelled),
            ("/Callbacks/MAIN", Closeness::Respelled),
            ("/main", Closeness::Prefixed),
            ("/", Closeness::Prefixed),
            ("/eqp/callbacks/main", Closeness::Prefixed),
            ("/domain", Closeness::Elsewhere),
            ("/callbacks/main2", Closeness::Elsewhere),
            ("/callbacks", Closeness::Elsewhere),
        ] {
            assert_eq!(place.closeness(target), closeness, "{target}");
        }
    }

    #[test]
    fn a_url_that_is_not_known_changes_nothing() {
        let place = Place::new("/callbacks/main", "");
        assert!(place.is_exactly("/callbacks/main") && !place.is_exactly(""));
        assert_eq!(place.closeness("/callbacks/main/"), Closeness::Respelled);
        assert!(place.covers("/callbacks/main/") && !place.covers("/other") && !place.covers("/"));
    }
}
