//! Reports the result of a change.

use std::fmt::Write;

use eqp_store::EndpointSummary;
use eqp_types::{ApiCallbackEntry, Environment, MageId};
use serde::Serialize;

use crate::context::Context;
use crate::output::{UtcTime, escaped, utc};
use eqp_sync::{Applied, Plan, Refused, replaced};

/// An applied plan with its result.
pub(super) struct AppliedChange {
    pub(super) plan: Plan,
    pub(super) applied: Applied,
}

/// A registration as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RegistrationReport<'a> {
    /// The environment.
    environment: Environment,
    /// The account.
    mage_id: &'a MageId,
    /// The name of the endpoint.
    name: &'a str,
    /// The registered URL.
    url: &'a str,
    /// The path at which the receiver answers.
    path: &'a str,
    /// The user name in the list.
    username: &'a str,
    /// Whether the list was not written, because it already contained the registration.
    already_registered: bool,
    /// Replaced user names that are still accepted.
    still_accepted: Vec<AcceptedUsername<'a>>,
    /// The Marketplace's list of callbacks.
    callbacks: &'a [ApiCallbackEntry],
}

/// A replaced user name that is still accepted.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct AcceptedUsername<'a> {
    /// The user name.
    username: &'a str,
    /// The end of its grace period; null if that has not started yet.
    until: Option<UtcTime>,
}

/// Returns the registration after a change.
pub(super) fn registered(changed: &AppliedChange) -> RegistrationReport<'_> {
    let (endpoint, username) = registration(changed);
    RegistrationReport {
        environment: endpoint.environment,
        mage_id: &endpoint.mage_id,
        name: &endpoint.name,
        url: &endpoint.public_url,
        path: &endpoint.path,
        username,
        already_registered: !changed.plan.writes_list(),
        still_accepted: still_accepted(endpoint),
        callbacks: &changed.applied.entries,
    }
}

/// Reports the change and the resulting state as text.
pub(super) fn lines(changed: &AppliedChange, done: &str) -> String {
    let (endpoint, username) = registration(changed);
    let mut lines = format!("{} of {} in {} {done}", endpoint.name, endpoint.mage_id, endpoint.environment);
    let parts = [
        ("url", Some(endpoint.public_url.clone())),
        // Shown if a proxy rewrites the path.
        ("path", Some(endpoint.path.clone()).filter(|path| !endpoint.public_url.ends_with(path.as_str()))),
        ("user name", Some(username.to_owned())),
        ("still accepted", still_accepted_text(endpoint)),
    ];
    for (label, value) in parts {
        if let Some(value) = value {
            // Writing to text cannot fail.
            let _ = write!(lines, "\n  {label:<11}  {}", escaped(&value));
        }
    }
    lines
}

/// Returns the registered endpoint and its user name.
fn registration(AppliedChange { plan, applied }: &AppliedChange) -> (&EndpointSummary, &str) {
    let endpoint = applied.endpoint.as_ref().expect("a plan to register is about an endpoint");
    (endpoint, plan.username().expect("a plan to register has a user name"))
}

/// Prints the entries that were not removed.
pub(super) fn note_remaining(context: &Context, changed: &AppliedChange) {
    for entry in &changed.applied.remaining {
        context.output.note(format_args!(
            "not removed, because the Marketplace merged the list instead of replacing it: {}",
            escaped(&entry.to_string())
        ));
    }
}

/// Returns the replaced user names that are still accepted, each with the end of its grace period.
pub(super) fn still_accepted(endpoint: &EndpointSummary) -> Vec<AcceptedUsername<'_>> {
    let replaced = replaced(endpoint);
    replaced.map(|one| AcceptedUsername { username: &one.username, until: one.retire_at.map(UtcTime) }).collect()
}

/// Returns the entries as a table, or `None` if there are none.
pub(super) fn still_accepted_text(endpoint: &EndpointSummary) -> Option<String> {
    let each: Vec<_> = replaced(endpoint)
        .map(|one| match (one.retire_at, one.retire_grace) {
            (Some(at), _) => format!("{} until {} UTC", one.username, utc(at)),
            (None, Some(grace)) => {
                format!("{} until {} after the first callback with the new one", one.username, length(grace.as_secs()))
            }
            (None, None) => one.username.clone(),
        })
        .collect();
    (!each.is_empty()).then(|| each.join(", "))
}

/// Describes the credentials that are rejected from now on.
pub(super) fn refused(refused: &Refused) -> String {
    let by = match refused.receivers {
        0 => "no receiver is running; a receiver will reject it as soon as it starts".to_owned(),
        1 => "the receiver has loaded the change".to_owned(),
        2 => "both receivers have loaded the change".to_owned(),
        receivers => format!("all {receivers} receivers have loaded the change"),
    };
    format!("{} ({by})", refused.usernames.join(", "))
}

/// Formats a duration in its largest whole unit: `24h`, `90m`, `5s`.
pub(super) fn length(seconds: u64) -> String {
    match seconds {
        0 => "0s".to_owned(),
        seconds if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        seconds if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_the_largest_unit_that_fits() {
        for (seconds, text) in [(0, "0s"), (5, "5s"), (90, "90s"), (5_400, "90m"), (86_400, "24h")] {
            assert_eq!(length(seconds), text);
        }
    }
}
