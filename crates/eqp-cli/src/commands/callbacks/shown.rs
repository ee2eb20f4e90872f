//! How the end of a change is told.

use std::fmt::Write;

use eqp_receiver::EndpointSummary;
use serde_json::{Value, json};

use crate::compose::registration::{Refused, Registered, replaced};
use crate::context::Context;
use crate::output::{rfc3339, utc, visible};

/// The registration as programs read it.
pub(super) fn registered(registered: &Registered) -> Value {
    let Registered { endpoint, username, already, entries, .. } = registered;
    json!({
        "environment": endpoint.environment,
        "mage_id": endpoint.mage_id,
        "name": endpoint.name,
        "url": endpoint.public_url,
        "path": endpoint.path,
        "username": username,
        "already_registered": already,
        "still_taken": still_taken(endpoint),
        "callbacks": entries,
    })
}

/// The same for people: what was done, and below it what there is now.
pub(super) fn lines(registered: &Registered, done: &str) -> String {
    let Registered { endpoint, username, .. } = registered;
    let mut lines = format!("{} of {} in {} {done}", endpoint.name, endpoint.mage_id, endpoint.environment);
    let parts = [
        ("url", Some(endpoint.public_url.clone())),
        // Where a proxy turns it into another.
        ("path", Some(endpoint.path.clone()).filter(|path| !endpoint.public_url.ends_with(path.as_str()))),
        ("user name", Some(username.clone())),
        ("still taken", still_taken_line(endpoint)),
    ];
    for (label, value) in parts {
        if let Some(value) = value {
            // Writing to text cannot fail.
            let _ = write!(lines, "\n  {label:<11}  {}", visible(&value));
        }
    }
    lines
}

/// Says which entries stayed.
pub(super) fn note_remaining(context: &Context, registered: &Registered) {
    for entry in &registered.remaining {
        context
            .output
            .note(format_args!("still there, because this server adds to its list: {}", visible(&entry.to_string())));
    }
}

/// User names that were replaced and are still taken, and until when.
pub(super) fn still_taken(endpoint: &EndpointSummary) -> Value {
    replaced(endpoint).map(|one| json!({"username": one.username, "until": one.retire_at.map(rfc3339)})).collect()
}

/// The same for people; none where there are none.
pub(super) fn still_taken_line(endpoint: &EndpointSummary) -> Option<String> {
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

/// What is refused from now on.
pub(super) fn refused(refused: &Refused) -> String {
    let by = match refused.receivers {
        0 => "no receiver runs, and the next one does not take it".to_owned(),
        1 => "the receiver knows".to_owned(),
        2 => "both receivers know".to_owned(),
        receivers => format!("all {receivers} receivers know"),
    };
    format!("{} ({by})", refused.usernames.join(", "))
}

/// `24h`, `90m`, `5s`.
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
