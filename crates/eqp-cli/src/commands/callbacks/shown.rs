//! How the end of a change is told.

use eqp_receiver::EndpointSummary;
use serde_json::{Value, json};

use crate::compose::registration::{Refused, Registered, replaced};
use crate::context::Context;
use crate::output::{rfc3339, utc};

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

/// The same for people.
pub(super) fn line(registered: &Registered) -> String {
    let Registered { endpoint, username, already, .. } = registered;
    let done = if *already { "is registered already, nothing was changed" } else { "is registered" };
    format!(
        "{} of {} in {} {done}: {} with user name {username}; the receiver answers at {}",
        endpoint.name, endpoint.mage_id, endpoint.environment, endpoint.public_url, endpoint.path
    )
}

/// Says which entries stayed.
pub(super) fn note_remaining(context: &Context, registered: &Registered) {
    for entry in &registered.remaining {
        context.output.note(format_args!("still there, because this server adds to its list: {entry}"));
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
pub(super) fn refused(endpoint: &EndpointSummary, refused: &Refused) -> String {
    let by = match refused.receivers {
        0 => "no receiver runs, and the next one does not take it".to_owned(),
        1 => "the receiver knows".to_owned(),
        2 => "both receivers know".to_owned(),
        receivers => format!("all {receivers} receivers know"),
    };
    format!("{}: refused from now on: {} ({by})", endpoint.name, refused.usernames.join(", "))
}

/// `24h`, `90m`, `5s`.
fn length(seconds: u64) -> String {
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
