//! Events as rows and as lines.

use eqp_receiver::{Event, Mark};

use crate::output::{Table, track_line, utc, visible};

/// A longer one is cut: an unknown code may have 250 characters. `eqp events show` and JSON have it whole.
const LONGEST_OUTCOME: usize = 48;

/// Events as a table.
pub(crate) fn table(events: &[Event]) -> Table {
    let mut table = Table::new(&[
        "seq",
        "received (UTC)",
        "environment",
        "kind",
        "subject",
        "flow",
        "outcome",
        "changed (UTC)",
        "mark",
    ]);
    table.right(0);
    for event in events {
        table.row(cells(event));
    }
    table
}

/// One event as a line, for those that come one by one.
pub(super) fn line(event: &Event) -> String {
    let (flow, outcome) = (flow(event), outcome(event));
    let state = if flow == "-" { visible(&outcome) } else { track_line([(flow.as_str(), outcome.as_str())]) };
    let mark = if event.mark == Mark::None { String::new() } else { format!("  ({})", event.mark) };
    format!(
        "{:>6}  {}  {}  {} {}  {state}{mark}",
        event.seq,
        utc(event.received_at),
        event.environment,
        visible(&event.kind.to_string()),
        visible(event.subject.as_deref().unwrap_or("-")),
    )
}

fn cells(event: &Event) -> [String; 9] {
    let mark = if event.mark == Mark::None { String::new() } else { event.mark.to_string() };
    [
        event.seq.to_string(),
        utc(event.received_at),
        event.environment.to_string(),
        event.kind.to_string(),
        event.subject.clone().unwrap_or_else(|| "-".into()),
        flow(event),
        outcome(event),
        changed(event),
        mark,
    ]
}

fn changed(event: &Event) -> String {
    let doubt = if event.clock_doubtful { " (doubtful)" } else { "" };
    event.modified_at.map_or_else(|| "-".into(), |time| format!("{time}{doubt}"))
}

fn flow(event: &Event) -> String {
    event.flow.as_ref().map_or_else(|| "-".into(), ToString::to_string)
}

/// The outcome; where there is none, why: the unknown code, or what cannot be decoded.
fn outcome(event: &Event) -> String {
    let text = event.outcome.as_deref().or(event.reason.as_deref()).unwrap_or("-");
    if text.chars().count() <= LONGEST_OUTCOME {
        return text.to_owned();
    }
    text.chars().take(LONGEST_OUTCOME - 1).chain(['…']).collect()
}
