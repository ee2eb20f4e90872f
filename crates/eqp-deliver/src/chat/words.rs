//! Statuses in words.

use std::collections::BTreeMap;

use eqp_types::Flow;
use time::{OffsetDateTime, UtcOffset};

use super::line::one_line;

/// Returns a status in words.
pub(crate) fn described(flow: &Flow, status: &str, previous: Option<&str>) -> String {
    match (flow, status) {
        (Flow::Overall, "in_progress") if previous.is_none_or(|previous| previous == "draft") => "submitted".to_owned(),
        (Flow::Overall, "in_progress") => "in review".to_owned(),
        (Flow::Overall, "released_to_store") => "in the store".to_owned(),
        (Flow::Overall, "admin_removed_from_store") => "removed from the store by the Marketplace".to_owned(),
        (Flow::Overall, "developer_removed_from_store") => "removed from the store by the developer".to_owned(),
        (Flow::Overall, "canceled_by_admin") => "canceled by the Marketplace".to_owned(),
        (Flow::Overall, "canceled_by_developer") => "canceled by the developer".to_owned(),
        (Flow::Overall, status) => words(status),
        (flow, "rejected") => format!("rejected by {} review", one_line(flow.as_ref())),
        (flow, status) => format!("{} review: {}", one_line(flow.as_ref()), words(status)),
    }
}

/// Returns the current state of a submission, if its statuses are known.
pub(crate) fn current(statuses: &BTreeMap<String, String>) -> Option<String> {
    let status = |flow: &str| statuses.get(flow).map(String::as_str);
    for (name, flow) in [("technical", Flow::Technical), ("marketing", Flow::Marketing)] {
        if status(name) == Some("rejected") && !matches!(status("overall"), Some("released_to_store")) {
            return Some(described(&flow, "rejected", None));
        }
    }
    status("overall").map(|status| described(&Flow::Overall, status, Some("")))
}

/// Returns the status of each review, as far as it is known.
pub(crate) fn reviews(statuses: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    ["technical", "marketing"].into_iter().filter_map(|flow| {
        let status = statuses.get(flow)?;
        Some(format!("{flow}: {}", words(status)))
    })
}

/// Returns a status without underscores, in one line.
pub(crate) fn words(status: &str) -> String {
    one_line(&status.replace('_', " ").replace("manual qa", "manual QA"))
}

/// Returns the day of a time in UTC, such as `27 Nov`.
pub(crate) fn day(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    format!("{} {}", at.day(), &at.month().to_string()[..3])
}
