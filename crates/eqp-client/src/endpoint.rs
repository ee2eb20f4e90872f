//! Every call that this client makes, in one list: method, path, purpose, and what is odd about it.
//!
//! The calls themselves refer to these entries, so the list cannot miss one; a test holds the other way round. The page
//! `docs/marketplace-api.md` is made from it (`cargo xtask docs`).

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays readable in a path segment: the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The method of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Changes.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The method as HTTP spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When a call may be sent again without anybody having asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Whenever it failed in a way that may pass: doing it twice is doing it once.
    Always,
    /// Only when the failure shows that nothing was done: no connection, or 429.
    WhenNotDone,
}

/// One call of the API.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name in this client, as `packages.create`.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path below `/rest/v1`, with `{…}` where an id goes.
    pub path: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// What is odd about it, and handled.
    pub notes: &'static [&'static str],
    /// When it is sent again by itself.
    pub repeat: Repeat,
    /// Its answer holds secrets: nothing of it is ever kept for an error.
    pub answers_secrets: bool,
    /// It answers a list in which each item has a `code` of its own.
    pub answers_items: bool,
    /// The methods of [`Client`](crate::Client) that make it, as `packages().list()`.
    pub methods: &'static [&'static str],
}

/// An id that no URL can carry as a path segment: `.` and `..` mean "here" and "above", however they are encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnusableSegment(pub(crate) String);

impl Endpoint {
    /// The path, and the query that is part of what it is (or nothing).
    pub(crate) fn path_and_query(&self) -> (&'static str, Option<&'static str>) {
        self.path.split_once('?').map_or((self.path, None), |(path, query)| (path, Some(query)))
    }

    /// The path below `/rest/v1` with `ids` in the place of its `{…}`, each percent-encoded.
    pub(crate) fn fill(&self, ids: &[&str]) -> Result<String, UnusableSegment> {
        let mut ids = ids.iter();
        let mut filled = String::with_capacity(self.path.len() + 32);
        let (path, _) = self.path_and_query();
        for segment in path.split('/').skip(1) {
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
}

/// Defines the endpoints and the list of them.
macro_rules! endpoints {
    ($( $const:ident = $name:literal, $method:ident $path:literal, $repeat:ident, $(secret $secret:literal,)? $(items $items:literal,)?
        by [$($method_of_client:literal),*], $purpose:literal, [$($note:literal),* $(,)?]; )*) => {
        $(
            #[doc = $purpose]
            pub const $const: Endpoint = Endpoint {
                name: $name,
                method: Method::$method,
                path: $path,
                purpose: $purpose,
                notes: &[$($note),*],
                repeat: Repeat::$repeat,
                answers_secrets: false $(|| $secret)?,
                answers_items: false $(|| $items)?,
                methods: &[$($method_of_client),*],
            };
        )*

        /// Every endpoint, in the order of the API's documentation.
        pub const ALL: &[&Endpoint] = &[$(&$const),*];
    };
}

endpoints! {
    SESSION_TOKEN = "session.token", Post "/app/session/token", Always, secret true,
        by ["session()"],
        "Gets a session token for an access key.",
        ["`expires_in` is capped by the server without a word: its life is counted from the answer.",
         "A proxy's HTML page in the place of JSON is reported as such."];

    USERS_GET = "users.get", Get "/users/{mage_id}", Always,
        by ["users().get()"],
        "Reads the whole profile.",
        ["Empty objects may come as `[]`, missing ones as `null` or `\"\"`.",
         "The profile of another account is refused.",
         "Registered callbacks never show their passwords."];
    USERS_SUMMARY = "users.summary", Get "/users/{mage_id}?style=summary", Always,
        by ["users().summary()"],
        "Reads the short profile.", ["It holds no callbacks."];
    USERS_PUT = "users.put", Put "/users/{mage_id}", WhenNotDone,
        by ["users().put()"],
        "Changes the fields of the profile that are sent, and no others.",
        ["`api_callbacks` is one field: sending it is taken to replace the whole list.",
         "`action: submit` publishes the profile page; registering callbacks sends no action.",
         "Never sent again by itself after an unclear end: somebody may have changed the profile since."];

    KEYS_LIST = "keys.list", Get "/users/{mage_id}/keys", Always, secret true,
        by ["keys().list()"],
        "Lists Composer keys.", ["No `uid` means all keys, as `uid=all` does."];
    KEYS_CREATE = "keys.create", Post "/users/{mage_id}/keys", WhenNotDone, secret true,
        by ["keys().create()"],
        "Makes Composer keys.", ["HTTP 200 whatever happened to the items: each has its own `code`."];
    KEYS_UPDATE = "keys.update", Put "/users/{mage_id}/keys/{label}", Always, secret true,
        by ["keys().set_enabled()"],
        "Enables or disables a Composer key.", ["The `uid` goes into the item; its answer has no `code`, and its `is_enabled` is what holds."];
    KEYS_DELETE = "keys.delete", Delete "/users/{mage_id}/keys/{label}", WhenNotDone,
        by ["keys().delete()"],
        "Deletes a Composer key.", ["The `uid` goes into the query; answers 204."];

    REPORTS_GET = "reports.get", Get "/users/{mage_id}/reports/{report}", Always,
        by ["reports().get()"],
        "Reads a report: `pageviews`, `totals`, `sales`, `refunds`.", ["Its shape is not documented."];
    REPORTS_METRICS = "reports.metrics", Get "/reports/metrics", Always,
        by ["reports().metrics()"],
        "Lists the metrics of reports.", ["Its shape is not documented."];
    REPORTS_METRIC = "reports.metric", Get "/reports/metrics/{metric}", Always,
        by ["reports().metric()"],
        "Reads one metric of reports.", ["Its shape is not documented."];

    FILES_UPLOAD = "files.upload", Post "/files/uploads", Always,
        by ["files().upload()", "files().upload_watched()"],
        "Uploads files, each in a part named `file[]`.",
        ["Answers in the order sent; the scan has not begun then.",
         "Sent again after an unclear end: a second copy that no package refers to harms nobody."];
    FILES_GET = "files.get", Get "/files/uploads/{file_upload_id}", Always,
        by ["files().get()"],
        "Reads the record of an uploaded file.",
        ["`malware_status` is spelled `pass` or `passed`; `file_hash` is there only after the scan passed."];
    FILES_LIST = "files.list", Get "/files/uploads", Always,
        by ["files().list()", "files().stream()"],
        "Lists uploaded files.", ["Pages by `offset` and `limit`; no filter, no sorting."];
    FILES_DELETE = "files.delete", Delete "/files/uploads/{file_upload_id}", WhenNotDone, items true,
        by ["files().delete()"],
        "Deletes an uploaded file.", ["Not in today's documentation."];

    PACKAGES_CREATE = "packages.create", Post "/products/packages", WhenNotDone, items true,
        by ["packages().create()", "packages().create_one()"],
        "Creates submissions.",
        ["HTTP 200 whatever happened to the items: each has its own `code`.",
         "A bad item has only `code` and `message`: matched by position.",
         "Item code 1321 is no rejection: the malware scan of a file is still running. Sent again after it, it succeeds.",
         "Looked up by item id, else by SKU and version, before it is sent again after an unclear end."];
    PACKAGES_UPDATE = "packages.update", Put "/products/packages", WhenNotDone, items true,
        by ["packages().update()"],
        "Updates submissions, each named by its `submission_id`.",
        ["HTTP 200 whatever happened to the items: each has its own `code`.",
         "A bad item has only `code` and `message`: matched by position.",
         "Item code 1321 is no rejection: the malware scan of a file is still running. Sent again after it, it succeeds."];
    PACKAGES_UPDATE_ONE = "packages.update_one", Put "/products/packages/{id}", WhenNotDone,
        by ["packages().update_one()"],
        "Updates one submission, by its id or by the developer's own.",
        ["The HTTP status decides; the body of the answer is not documented."];
    PACKAGES_LIST = "packages.list", Get "/products/packages", Always,
        by ["packages().list()", "packages().stream()"],
        "Lists submissions with filter, sorting and pages.",
        ["`X-Total-Count` answers the number of all records.",
         "Texts match by a part, codes as a whole; every field that filters also sorts.",
         "How a range of dates is written is not documented: it is sent as it is given."];
    PACKAGES_GET = "packages.get", Get "/products/packages/{submission_id}", Always,
        by ["packages().get()"],
        "Reads one submission.",
        ["`sku` and `version` are read from the archive once its scan passed, so they can appear late.",
         "Prices are numbers or strings; `actions_now_available` is text or a list for each flow."];
    PACKAGES_SKUS = "packages.skus", Get "/products/packages/skus", Always,
        by ["packages().skus()", "packages().skus_stream()"],
        "Lists submissions that have a SKU.", ["Filters, sorts and pages as the list of all does."];
    PACKAGES_BY_SKU = "packages.by_sku", Get "/products/packages/skus/{sku}", Always,
        by ["packages().by_sku()"],
        "Reads all versions of a SKU, or one.", ["A SKU's slash is encoded.", "`?version=` chooses one version."];
    PACKAGES_ITEMS = "packages.items", Get "/products/packages/items", Always,
        by ["packages().items()", "packages().items_stream()"],
        "Lists submissions that have an id of the developer's own.",
        ["Filters, sorts and pages as the list of all does."];
    PACKAGES_BY_ITEM = "packages.by_item", Get "/products/packages/items/{item_id}", Always,
        by ["packages().by_item()"],
        "Reads the submission with an id of the developer's own.", ["One object or a list of one."];

    TESTS_OF_SUBMISSION = "test_results.summary", Get "/products/packages/{submission_id}/status", Always,
        by ["test_results().summary()"],
        "Lists the test results of a submission.",
        ["`tool_run_id` is text or a number; `status` is spelled in lower case."];
    TESTS_OF_SKU = "test_results.summary_by_sku", Get "/products/packages/sku/{sku}/status", Always,
        by ["test_results().summary_by_sku()"],
        "Lists the test results of a SKU.", [];
    TESTS_OF_ITEM = "test_results.summary_by_item", Get "/products/packages/item/{item_id}/status", Always,
        by ["test_results().summary_by_item()"],
        "Lists the test results of a submission by the developer's own id.", [];
    TEST_REPORT = "test_results.report",
        Get "/products/packages/{submission_id}/status/{tool}/{tool_run_id}", Always,
        by ["test_results().report()"],
        "Reads the report of one run of one tool.",
        ["`reports` is a list for automated tools and a bare object for `marketing` and `manual_qa`.",
         "`status` is spelled in upper case here.",
         "Each documented tool has a type of its own; others, and other shapes, are kept whole.",
         "`phpcpd` has a summary only."];
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
            assert_eq!(PACKAGES_GET.fill(&[id]).unwrap(), format!("/products/packages/{encoded}"), "{id}");
        }
    }

    #[test]
    fn ids_that_mean_another_folder_are_refused() {
        for id in [".", ".."] {
            assert_eq!(PACKAGES_GET.fill(&[id]), Err(UnusableSegment(id.to_owned())));
        }
    }

    #[test]
    fn every_place_of_a_path_is_filled() {
        assert_eq!(TEST_REPORT.fill(&["s1", "phpcs", "4711"]).unwrap(), "/products/packages/s1/status/phpcs/4711");
    }

    #[test]
    fn names_are_unique_and_follow_their_folder() {
        let mut names: Vec<_> = ALL.iter().map(|endpoint| endpoint.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
