//! The table of all API calls: method, path, type of the response, and whether a call may be retried.
//!
//! The client, the simulator, their tests and `docs/marketplace-api.md` (`cargo xtask docs`) use this table.

use std::fmt;

/// The HTTP method of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Method {
    /// Reads an object or a list.
    Get,
    /// Creates an object.
    Post,
    /// Changes an object.
    Put,
    /// Deletes an object.
    Delete,
}

impl Method {
    /// Returns the method as HTTP spells it.
    pub fn as_str(&self) -> &str {
        self.as_ref()
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a failed call may be retried automatically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The call is idempotent, or repeating it does no harm: retry after any transient failure.
    Always,
    /// The call is not idempotent: retry only if the failure shows that it was not carried out (no connection, or 429).
    WhenNotDone,
}

/// The type of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// One JSON object.
    Object,
    /// A JSON list.
    List,
    /// A JSON list with HTTP 200, even if items were rejected: each item has its own `code`.
    Items,
    /// JSON in a format that is not documented.
    Anything,
    /// No documented body: only the HTTP status counts.
    Nothing,
}

/// One call of the API.
///
/// ```
/// use eqp_types::calls::{self, Method};
///
/// let call = calls::by_name("packages.get").unwrap();
/// assert_eq!((call.method, call.path), (Method::Get, "/products/packages/{submission_id}"));
/// assert_eq!(call.to_string(), "GET /products/packages/{submission_id}");
/// assert!(calls::ALL.contains(&call));
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiCall {
    /// The name of the call, such as `packages.create`.
    pub name: &'static str,
    /// The method.
    pub method: Method,
    /// The path below `/rest/v1`, with `{…}` as a placeholder for each ID.
    pub path: &'static str,
    /// The query that distinguishes the call from another one with the same path.
    pub query: Option<&'static str>,
    /// Alternative paths, used by older programs and by examples in the documentation.
    pub other_paths: &'static [&'static str],
    /// The section of the API reference (`docs/marketplace-api.md`) that describes it.
    pub section: &'static str,
    /// Whether a failed call may be retried automatically.
    pub retry: Retry,
    /// The type of the response.
    pub answers: Answers,
    /// Whether the response contains secrets, so that errors must not store it.
    pub answers_secrets: bool,
    /// The purpose of the call.
    pub purpose: &'static str,
    /// Peculiarities of the call.
    pub notes: &'static [&'static str],
}

impl ApiCall {
    /// Returns every path of the call, the documented one first.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> {
        [self.path].into_iter().chain(self.other_paths.iter().copied())
    }
}

/// Displays the method and the path, with the query that is part of the call.
impl fmt::Display for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        self.query.map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

/// Returns the call with a name, such as `packages.create`.
pub fn by_name(name: &str) -> Option<&'static ApiCall> {
    ALL.iter().find(|call| call.name == name).copied()
}

/// Defines the calls and the list of them.
macro_rules! calls {
    ($( $const:ident = $name:literal, $method:ident $path:literal $(? $query:literal)? $(also $($other:literal)*)?,
        section $section:literal, $retry:ident, $answers:ident $(, $secret:ident)?,
        $purpose:literal, [$($note:literal),* $(,)?]; )*) => {
        $(
            #[doc = $purpose]
            pub const $const: ApiCall = ApiCall {
                name: $name,
                method: Method::$method,
                path: $path,
                query: [$(Some($query),)? None][0],
                other_paths: &[$($($other),*)?],
                section: $section,
                retry: Retry::$retry,
                answers: Answers::$answers,
                answers_secrets: matches!(stringify!($($secret)?).as_bytes(), b"secret"),
                purpose: $purpose,
                notes: &[$($note),*],
            };
        )*

        /// Every call, in the order of the API's documentation.
        pub const ALL: &[&ApiCall] = &[$(&$const),*];
    };
}

calls! {
    SESSION_TOKEN = "session.token", Post "/app/session/token" also "/apps/session/token", section "2", Always, Object, secret,
        "Requests a session token for an access key.",
        ["The server silently limits `expires_in`. The lifetime is measured from the response.",
         "An HTML page of a proxy instead of JSON is reported as such."];
    USERS_GET = "users.get", Get "/users/{mage_id}", section "3", Always, Object,
        "Reads the complete profile.",
        ["Empty objects can be `[]`; missing ones can be `null` or `\"\"`.",
         "A response with the profile of another account is rejected.",
         "The passwords of registered callbacks are never returned."];
    USERS_SUMMARY = "users.summary", Get "/users/{mage_id}" ? "style=summary", section "3", Always, Object,
        "Reads the short profile.",
        ["It does not contain the callbacks."];
    USERS_PUT = "users.put", Put "/users/{mage_id}", section "3", WhenNotDone, Nothing,
        "Changes the given fields of the profile.",
        ["`api_callbacks` is a single field: writing it is assumed to replace the whole list.",
         "`action: submit` publishes the profile page. Registering callbacks sends no action.",
         "Not retried if it is unknown whether it was carried out, because the profile may have been changed in the meantime."];
    KEYS_LIST = "keys.list", Get "/users/{mage_id}/keys", section "3", Always, Object, secret,
        "Lists Composer keys.",
        ["Without `uid` it lists all keys, like `uid=all`."];
    KEYS_CREATE = "keys.create", Post "/users/{mage_id}/keys", section "3", WhenNotDone, Object, secret,
        "Creates Composer keys.",
        ["HTTP 200 even if items were rejected: each item has its own `code`."];
    KEYS_UPDATE = "keys.update", Put "/users/{mage_id}/keys/{label}", section "3", Always, Object, secret,
        "Enables or disables a Composer key.",
        ["The `uid` is part of the item. The response has no `code`; its `is_enabled` is authoritative."];
    KEYS_DELETE = "keys.delete", Delete "/users/{mage_id}/keys/{label}", section "3", WhenNotDone, Nothing,
        "Deletes a Composer key.",
        ["The `uid` is a query parameter. The response is 204."];
    REPORTS_GET = "reports.get", Get "/users/{mage_id}/reports/{report}", section "3", Always, Anything,
        "Reads a report: `pageviews`, `totals`, `sales`, `refunds`.",
        ["The format is not documented."];
    REPORTS_METRICS = "reports.metrics", Get "/reports/metrics", section "3", Always, Anything,
        "Lists the available metrics.",
        ["The format is not documented."];
    REPORTS_METRIC = "reports.metric", Get "/reports/metrics/{metric}", section "3", Always, Anything,
        "Reads one metric.",
        ["The format is not documented."];
    FILES_UPLOAD = "files.upload", Post "/files/uploads", section "5", Always, List,
        "Uploads files, each as a multipart part named `file[]`.",
        ["The response has the same order as the request. The malware scan starts afterwards.",
         "Retried even if it is unknown whether it was carried out, because a second copy that no package refers to does no harm."];
    FILES_GET = "files.get", Get "/files/uploads/{file_upload_id}", section "5", Always, Object,
        "Reads the record of an uploaded file.",
        ["`malware_status` is spelled `pass` or `passed`. `file_hash` is only present after the scan has passed."];
    FILES_LIST = "files.list", Get "/files/uploads", section "5", Always, List,
        "Lists uploaded files.",
        ["Paginated by `offset` and `limit`, without filters and sorting."];
    FILES_DELETE = "files.delete", Delete "/files/uploads/{file_upload_id}", section "5", WhenNotDone, Items,
        "Deletes an uploaded file.",
        ["Not in the current documentation."];
    PACKAGES_CREATE = "packages.create", Post "/products/packages", section "6", WhenNotDone, Items,
        "Creates submissions.",
        ["HTTP 200 even if items were rejected: each item has its own `code`.",
         "A rejected item has only `code` and `message`, so items are matched by position.",
         "Item code 1321 is not a rejection: the malware scan of a file is still running, and the same request succeeds after it.",
         "If it is unknown whether it was carried out, the submission is looked up by item ID, or by SKU and version, before a retry."];
    PACKAGES_UPDATE = "packages.update", Put "/products/packages", section "6", WhenNotDone, Items,
        "Updates submissions, each identified by its `submission_id`.",
        ["HTTP 200 even if items were rejected: each item has its own `code`.",
         "A rejected item has only `code` and `message`, so items are matched by position.",
         "Item code 1321 is not a rejection: the malware scan of a file is still running, and the same request succeeds after it."];
    PACKAGES_UPDATE_ONE = "packages.update_one", Put "/products/packages/{submission_id}", section "6", WhenNotDone, Nothing,
        "Updates one submission, identified by its submission ID or item ID.",
        ["The path also accepts an `item_id`.",
         "Only the HTTP status counts; the response body is not documented."];
    PACKAGES_LIST = "packages.list", Get "/products/packages", section "6", Always, List,
        "Lists submissions with filters, sorting and pagination.",
        ["The header `X-Total-Count` has the total number of records.",
         "Texts match as substrings, codes exactly. Every filter field can also be used for sorting.",
         "The syntax of date ranges is not documented, so they are sent unchanged."];
    PACKAGES_GET = "packages.get", Get "/products/packages/{submission_id}", section "6", Always, Object,
        "Reads one submission.",
        ["The Marketplace reads `sku` and `version` from the archive after its scan has passed, so they can appear late.",
         "Prices are numbers or strings. `actions_now_available` is a string or a list per flow."];
    PACKAGES_SKUS = "packages.skus", Get "/products/packages/skus", section "6", Always, List,
        "Lists submissions that have a SKU.",
        ["Filters, sorting and pagination are the same as for `packages.list`."];
    PACKAGES_BY_SKU = "packages.by_sku", Get "/products/packages/skus/{sku}", section "6", Always, List,
        "Reads one version or all versions of a SKU.",
        ["The slash in a SKU is percent-encoded.",
         "`?version=` selects one version."];
    PACKAGES_ITEMS = "packages.items", Get "/products/packages/items", section "6", Always, List,
        "Lists submissions that have an item ID.",
        ["Filters, sorting and pagination are the same as for `packages.list`."];
    PACKAGES_BY_ITEM = "packages.by_item", Get "/products/packages/items/{item_id}", section "6", Always, Object,
        "Reads the submission with an item ID.",
        ["The response is an object or a list with one object."];
    TESTS_OF_SUBMISSION = "test_results.summary", Get "/products/packages/{submission_id}/status" also "/{submission_id}/status", section "6", Always, List,
        "Lists the test results of a submission.",
        ["`tool_run_id` is a string or a number. `status` is in lower case."];
    TESTS_OF_SKU = "test_results.summary_by_sku", Get "/products/packages/sku/{sku}/status", section "6", Always, List,
        "Lists the test results of a SKU.",
        [];
    TESTS_OF_ITEM = "test_results.summary_by_item", Get "/products/packages/item/{item_id}/status", section "6", Always, List,
        "Lists the test results of a submission by its item ID.",
        [];
    TEST_REPORT = "test_results.report", Get "/products/packages/{submission_id}/status/{tool}/{tool_run_id}" also "/{submission_id}/status/{tool}/{tool_run_id}", section "6", Always, Object,
        "Reads the report of one test run.",
        ["`reports` is a list for automated tools and a single object for `marketing` and `manual_qa`.",
         "`status` is in upper case here.",
         "Each documented tool has its own type. Reports of other tools, and in other formats, are returned unchanged.",
         "`phpcpd` has no report, only a summary."];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = ALL.iter().map(|call| call.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn no_two_calls_are_the_same_request() {
        let mut requests: Vec<_> =
            ALL.iter().flat_map(|call| call.paths().map(|path| (call.method.as_str(), path, call.query))).collect();
        let all = requests.len();
        requests.sort_unstable();
        requests.dedup();
        assert_eq!(requests.len(), all);
    }

    #[test]
    fn secrets_are_known() {
        let secret: Vec<_> = ALL.iter().filter(|call| call.answers_secrets).map(|call| call.name).collect();
        assert_eq!(secret, ["session.token", "keys.list", "keys.create", "keys.update"]);
    }

    #[test]
    fn what_only_reads_may_always_be_sent_again() {
        assert!(ALL.iter().all(|call| call.method != Method::Get || call.retry == Retry::Always));
    }
}
