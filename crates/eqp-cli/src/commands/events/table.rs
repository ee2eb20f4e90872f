//! Formats events as a table and as lines.

use eqp_store::{Disposition, Event, Origin};

use crate::output::{Table, escaped, track_line, utc};

/// Maximum number of characters of a status in a table: an unknown code may have 250. `eqp events show` and JSON show
/// all of it.
const MAX_STATUS_LENGTH: usize = 48;

/// Formats events as a table.
pub(crate) fn table(events: &[Event]) -> Table {
    let mut table = Table::new(&[
        "seq",
        "received (UTC)",
        "environment",
        "kind",
        "resource",
        "flow",
        "status",
        "changed (UTC)",
        "disposition",
        "origin",
    ]);
    table.right(0);
    for event in events {
        table.row(cells(event));
    }
    table
}

/// Formats an event as a line, for a stream.
pub(crate) fn line(event: &Event) -> String {
    let (flow, status) = (flow(event), status(event));
    let state = if flow == "-" { escaped(&status) } else { track_line([(flow.as_str(), status.as_str())]) };
    let disposition = unusual_disposition(event).map_or_else(String::new, |disposition| format!("  ({disposition})"));
    // Most events come from callbacks.
    let origin = if event.origin == Origin::Callback { String::new() } else { format!("  ({})", event.origin) };
    format!(
        "{:>6}  {}  {}  {} {}  {state}{disposition}{origin}",
        event.seq,
        utc(event.received_at),
        event.environment,
        escaped(&event.kind.to_string()),
        escaped(event.resource_id.as_deref().unwrap_or("-")),
    )
}

fn cells(event: &Event) -> [String; 10] {
    let disposition = unusual_disposition(event).map_or_else(String::new, |disposition| disposition.to_string());
    [
        event.seq.to_string(),
        utc(event.received_at),
        event.environment.to_string(),
        event.kind.to_string(),
        event.resource_id.clone().unwrap_or_else(|| "-".into()),
        flow(event),
        status(event),
        changed(event),
        disposition,
        event.origin.to_string(),
    ]
}

/// Returns the disposition, unless it is `applied`.
fn unusual_disposition(event: &Event) -> Option<Disposition> {
    event.disposition.filter(|disposition| *disposition != Disposition::Applied)
}

fn changed(event: &Event) -> String {
    let doubt = if event.clock_doubtful { " (doubtful)" } else { "" };
    event.modified_at.map_or_else(|| "-".into(), |time| format!("{time}{doubt}"))
}

fn flow(event: &Event) -> String {
    event.flow.as_ref().map_or_else(|| "-".into(), ToString::to_string)
}

/// Returns the status. An event without a status is described by its unknown code or by the reason why it cannot be
/// decoded.
fn status(event: &Event) -> String {
    let text = event.status.as_deref().or(event.reason.as_deref()).unwrap_or("-");
    if text.chars().count() <= MAX_STATUS_LENGTH {
        return text.to_owned();
    }
    text.chars().take(MAX_STATUS_LENGTH - 1).chain(['…']).collect()
}
