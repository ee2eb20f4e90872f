//! The path and query under which an endpoint is registered, compared with the target of a request.
//!
//! The credential decides which endpoint a callback belongs to. The target only decides between endpoints that share a user
//! name and a password, and shows whether a proxy changes it.

use percent_encoding::percent_decode_str;
use url::{Position, Url};

/// The maximum number of times that percent-encoding is removed. Proxies that encode a path again do so once, rarely
/// twice.
const MAX_DECODINGS: usize = 3;

/// The path and query at which an endpoint is registered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RegisteredTarget {
    /// The endpoint's own path.
    path: String,
    /// Path and query of the public URL, or the path if the URL is not known.
    public: String,
    /// `path` and `public` in normal form.
    normal: [String; 2],
}

/// How well a request target matches the registered one. Better matches are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TargetMatch {
    Different,
    /// A path that matches after a prefix is added or stripped.
    Prefixed,
    /// Another spelling of the same path.
    Equivalent,
    Exact,
}

impl RegisteredTarget {
    pub(crate) fn new(path: &str, public_url: &str) -> Self {
        let public = match Url::parse(public_url) {
            Ok(url) => url[Position::BeforePath..Position::AfterQuery].to_owned(),
            Err(_) => path.to_owned(),
        };
        let normal = [normal(path), normal(&public)];
        Self { path: path.to_owned(), public, normal }
    }

    /// Returns the endpoint's own path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns whether a request target is exactly the registered one.
    pub(crate) fn is_exactly(&self, target: &str) -> bool {
        target == self.path || target == self.public
    }

    /// Returns how well a request target matches.
    pub(crate) fn compare(&self, target: &str) -> TargetMatch {
        if self.is_exactly(target) {
            return TargetMatch::Exact;
        }
        let target = normal(target);
        let ends_with = |longer: &str, shorter: &str| {
            longer.strip_suffix(shorter).is_some_and(|prefix| shorter.is_empty() || prefix.ends_with('/'))
        };
        self.normal.iter().fold(TargetMatch::Different, |closest, normal| {
            let found = if *normal == target {
                TargetMatch::Equivalent
            } else if ends_with(&target, normal) || ends_with(normal, &target) {
                TargetMatch::Prefixed
            } else {
                TargetMatch::Different
            };
            closest.max(found)
        })
    }

    /// Returns whether a path is the registered one, in any spelling.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.is_exactly(path) || self.normal.contains(&normal(path))
    }
}

/// Returns the normal form of a target: without the differences that proxies and clients introduce (query,
/// percent-encoding, letter case, dot segments, empty segments, and slashes at either end).
fn normal(target: &str) -> String {
    let mut path = target.split(['?', '#']).next().expect("a split has a first part").to_owned();
    for _ in 0..MAX_DECODINGS {
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
    fn a_target_is_exact_equivalent_prefixed_or_different() {
        let registered = RegisteredTarget::new("/callbacks/main", "https://eqp.example.com/hooks/main/?shop=1");
        for (target, expected) in [
            ("/callbacks/main", TargetMatch::Exact),
            ("/hooks/main/?shop=1", TargetMatch::Exact),
            ("/hooks/main/", TargetMatch::Equivalent),
            ("/hooks/main?shop=1", TargetMatch::Equivalent),
            ("/callbacks/main?x", TargetMatch::Equivalent),
            ("//callbacks//main//", TargetMatch::Equivalent),
            ("/callbacks/%6dain", TargetMatch::Equivalent),
            ("/callbacks/%256dain", TargetMatch::Equivalent),
            ("/callbacks%2Fmain", TargetMatch::Equivalent),
            ("/x/../callbacks/./main", TargetMatch::Equivalent),
            ("/../../callbacks/main", TargetMatch::Equivalent),
            ("/Callbacks/MAIN", TargetMatch::Equivalent),
            ("/main", TargetMatch::Prefixed),
            ("/", TargetMatch::Prefixed),
            ("/eqp/callbacks/main", TargetMatch::Prefixed),
            ("/domain", TargetMatch::Different),
            ("/callbacks/main2", TargetMatch::Different),
            ("/callbacks", TargetMatch::Different),
        ] {
            assert_eq!(registered.compare(target), expected, "{target}");
        }
    }

    #[test]
    fn without_a_public_url_only_the_path_is_compared() {
        let registered = RegisteredTarget::new("/callbacks/main", "");
        assert!(registered.is_exactly("/callbacks/main") && !registered.is_exactly(""));
        assert_eq!(registered.compare("/callbacks/main/"), TargetMatch::Equivalent);
        assert!(registered.covers("/callbacks/main/") && !registered.covers("/other") && !registered.covers("/"));
    }
}
