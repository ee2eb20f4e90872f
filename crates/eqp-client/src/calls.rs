//! Maps the calls of the API to the methods of the client, and builds their paths.

use eqp_types::calls::{self, ApiCall};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are not percent-encoded in a path segment: the unreserved ones of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the methods of [`Client`](crate::Client) that make a call, such as `packages().list()`.
///
/// ```
/// use eqp_client::types::calls;
///
/// assert_eq!(eqp_client::methods_of(&calls::FILES_LIST), ["files().list()", "files().stream()"]);
/// ```
pub fn methods_of(call: &ApiCall) -> &'static [&'static str] {
    METHODS.iter().find(|(known, _)| *known == call).map_or(&[], |(_, methods)| methods)
}

const METHODS: &[(&ApiCall, &[&str])] = &[
    (&calls::SESSION_TOKEN, &["session()"]),
    (&calls::USERS_GET, &["users().get()"]),
    (&calls::USERS_SUMMARY, &["users().summary()"]),
    (&calls::USERS_PUT, &["users().put()"]),
    (&calls::KEYS_LIST, &["keys().list()"]),
    (&calls::KEYS_CREATE, &["keys().create()"]),
    (&calls::KEYS_UPDATE, &["keys().set_enabled()"]),
    (&calls::KEYS_DELETE, &["keys().delete()"]),
    (&calls::REPORTS_GET, &["reports().get()"]),
    (&calls::REPORTS_METRICS, &["reports().metrics()"]),
    (&calls::REPORTS_METRIC, &["reports().metric()"]),
    (&calls::FILES_UPLOAD, &["files().upload()", "files().upload_with_progress()"]),
    (&calls::FILES_GET, &["files().get()"]),
    (&calls::FILES_LIST, &["files().list()", "files().stream()"]),
    (&calls::FILES_DELETE, &["files().delete()"]),
    (&calls::PACKAGES_CREATE, &["packages().create()", "packages().create_one()"]),
    (&calls::PACKAGES_UPDATE, &["packages().update()"]),
    (&calls::PACKAGES_UPDATE_ONE, &["packages().update_one()"]),
    (&calls::PACKAGES_LIST, &["packages().list()", "packages().stream()"]),
    (&calls::PACKAGES_GET, &["packages().get()"]),
    (&calls::PACKAGES_SKUS, &["packages().skus()", "packages().skus_stream()"]),
    (&calls::PACKAGES_BY_SKU, &["packages().by_sku()"]),
    (&calls::PACKAGES_ITEMS, &["packages().items()", "packages().items_stream()"]),
    (&calls::PACKAGES_BY_ITEM, &["packages().by_item()"]),
    (&calls::TESTS_OF_SUBMISSION, &["test_results().summary()"]),
    (&calls::TESTS_OF_SKU, &["test_results().summary_by_sku()"]),
    (&calls::TESTS_OF_ITEM, &["test_results().summary_by_item()"]),
    (&calls::TEST_REPORT, &["test_results().report()"]),
];

/// An ID that cannot be a path segment: URL parsers resolve `.` and `..`, however they are encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnusableSegment(pub(crate) String);

/// Returns the path of a call below `/rest/v1` with its `{…}` replaced by `ids`, each percent-encoded.
pub(crate) fn path_of(call: &ApiCall, ids: &[&str]) -> Result<String, UnusableSegment> {
    let mut ids = ids.iter();
    let mut filled = String::with_capacity(call.path.len() + 32);
    for segment in call.path.split('/').skip(1) {
        filled.push('/');
        match (segment.starts_with('{'), ids.as_slice()) {
            (true, [id, ..]) => {
                if matches!(*id, "." | ".." | "") {
                    return Err(UnusableSegment((*id).to_owned()));
                }
                filled.extend(utf8_percent_encode(id, SEGMENT));
                ids.next();
            }
            _ => filled.push_str(segment),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_whatever_they_hold() {
        for (id, encoded) in [
            ("s5w9k703ru", "s5w9k703ru"),
            ("2309480238.238475.0", "2309480238.238475.0"),
            ("vendor/module", "vendor%2Fmodule"),
            ("a b", "a%20b"),
            ("100%", "100%25"),
            ("a?b#c", "a%3Fb%23c"),
            ("../users", "..%2Fusers"),
            ("🦀", "%F0%9F%A6%80"),
            ("a;b=c&d+e@f:g", "a%3Bb%3Dc%26d%2Be%40f%3Ag"),
            ("\\", "%5C"),
            ("%2e%2e", "%252e%252e"),
        ] {
            assert_eq!(path_of(&calls::PACKAGES_GET, &[id]).unwrap(), format!("/products/packages/{encoded}"), "{id}");
        }
    }

    #[test]
    fn ids_that_mean_another_folder_are_refused() {
        for id in [".", ".."] {
            assert_eq!(path_of(&calls::PACKAGES_GET, &[id]), Err(UnusableSegment(id.to_owned())));
        }
    }

    #[test]
    fn every_place_of_a_path_is_filled() {
        assert_eq!(
            path_of(&calls::TEST_REPORT, &["s1", "phpcs", "4711"]).unwrap(),
            "/products/packages/s1/status/phpcs/4711"
        );
    }
}
