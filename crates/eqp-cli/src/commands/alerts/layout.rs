//! The layout of alerts for people.

use eqp_console::Alert;
use time::OffsetDateTime;

use crate::output::{escaped, sanitized, wrapped};

/// The columns in which the title, the time and the state begin.
const TITLE: usize = 7;
const SINCE: usize = 29;
const STATE: usize = 59;
/// The indentation of the text below.
const BODY: usize = 9;

/// Formats an alert for a list: one line with its severity, title, age and state, and its text below.
pub(super) fn listed(alert: &Alert, now: OffsetDateTime, width: usize) -> String {
    let mut text = heading(alert, now, width);
    let number = format!("#{}", alert.id);
    let mut lines = body(&escaped(&alert.summary), width);
    // The number is in the margin of the text. The commands for an alert need it.
    lines.replace_range(..number.len().min(BODY - 1), &number);
    text.push('\n');
    text.push_str(&lines);
    text.push('\n');
    text.push_str(&match &alert.note {
        Some(note) => body(&format!("note: \"{}\"", sanitized(note)), width),
        None => body(&format!("first check: {}", escaped(&alert.first_check)), width),
    });
    text
}

/// Formats the first line: severity, title, age and state. The rest is on a second line if it does not fit.
pub(super) fn heading(alert: &Alert, now: OffsetDateTime, width: usize) -> String {
    let mut line = format!("{:<TITLE$}{}", alert.severity.as_str().to_uppercase(), escaped(&alert.title));
    let since = since(alert.opened_at, now);
    let state = state(alert, now).unwrap_or_default();
    let mut text = String::new();
    for (part, column) in [(since, SINCE), (escaped(&state), STATE)] {
        if part.is_empty() {
            continue;
        }
        let begins = column.max(line.chars().count() + 2);
        if begins + part.chars().count() > width && line.trim() != "" {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(BODY);
        } else {
            line.push_str(&" ".repeat(begins - line.chars().count()));
        }
        line.push_str(&part);
    }
    text + line.trim_end()
}

/// Returns what is affected, and the state: who has acknowledged it, until when it is snoozed, or how it was resolved.
fn state(alert: &Alert, now: OffsetDateTime) -> Option<String> {
    if let Some(at) = alert.resolved_at {
        let by = alert.resolved_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let scope = alert.scope.as_ref().map(|scope| format!("{scope}, ")).unwrap_or_default();
        return Some(format!("{scope}resolved {} ago{by}", age(now - at)));
    }
    let state = match (&alert.acknowledged_by, alert.snoozed_until) {
        (Some(by), _) => Some(format!("acknowledged: {by}")),
        (None, Some(until)) if until > now => Some(format!("snoozed until {}", day(until))),
        (None, _) => None,
    };
    match (&alert.scope, state) {
        (Some(scope), Some(state)) => Some(format!("{scope}, {state}")),
        (scope, state) => state.or_else(|| scope.clone()),
    }
}

/// Wraps a text below the heading.
fn body(text: &str, width: usize) -> String {
    let width = width.saturating_sub(BODY).max(20);
    let indent = " ".repeat(BODY);
    let lines = text.lines().flat_map(|line| {
        // The continuation of a line has no further indentation.
        wrapped(line, width).lines().map(|line| line.trim_start().to_owned()).collect::<Vec<_>>()
    });
    lines.map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n")
}

/// Returns the time of day for the last 24 hours and the day before that, with the age.
pub(super) fn since(at: OffsetDateTime, now: OffsetDateTime) -> String {
    let utc = at.to_offset(time::UtcOffset::UTC);
    if now - at < time::Duration::DAY {
        return format!("since {:02}:{:02} UTC ({})", utc.hour(), utc.minute(), age(now - at));
    }
    format!("since {} ({})", day(at), age(now - at))
}

/// Returns a day such as `22 Nov`.
pub(super) fn day(at: OffsetDateTime) -> String {
    let utc = at.to_offset(time::UtcOffset::UTC);
    format!("{} {}", utc.day(), &utc.month().to_string()[..3])
}

/// Returns a duration in its largest unit, such as `9 h`.
pub(super) fn age(duration: time::Duration) -> String {
    match duration.whole_seconds().max(0) {
        seconds @ 0..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-29 11:20 UTC);

    fn alert(changes: &serde_json::Value) -> Alert {
        let mut alert = json!({
            "id": 7, "kind": "callbacks_missed", "severity": "page", "environment": "production", "mage_id": "MAG1",
            "key": "", "title": "callbacks missed", "scope": "1 of 1 endpoint",
            "summary": "The API shows 2 changes for which no callback arrived. They were read from the API (reconcile): \
                        nothing is lost.",
            "lost": "", "meaning": "", "first_check": "eqp doctor", "resolves": "",
            "opened_at": "2026-11-29T02:14:00Z", "updated_at": "2026-11-29T02:14:00Z", "updates": 0,
            "acknowledged_at": null, "acknowledged_by": null, "snoozed_until": null, "resolved_at": null,
            "resolved_by": null, "note": null, "data": {},
        });
        for (name, value) in changes.as_object().unwrap() {
            alert[name] = value.clone();
        }
        serde_json::from_value(alert).unwrap()
    }

    #[test]
    fn an_alert_has_the_layout_of_the_screens() {
        let missed = listed(&alert(&json!({})), NOW, 80);
        assert_eq!(
            missed,
            "\
PAGE   callbacks missed      since 02:14 UTC (9 h)         1 of 1 endpoint
#7       The API shows 2 changes for which no callback arrived. They were read
         from the API (reconcile): nothing is lost.
         first check: eqp doctor"
        );
        let stuck = alert(&json!({
            "id": 12, "severity": "ticket", "title": "acme/giftcard 3.0.0", "scope": null,
            "summary": "In manual QA for 19 d; your last 8 took 4 to 7 d.", "opened_at": "2026-11-22T09:00:00Z",
            "acknowledged_by": "ops", "note": "Adobe ticket 88123, asked on 24 Nov",
        }));
        assert_eq!(
            listed(&stuck, NOW, 80),
            "\
TICKET acme/giftcard 3.0.0   since 22 Nov (7 d)            acknowledged: ops
#12      In manual QA for 19 d; your last 8 took 4 to 7 d.
         note: \"Adobe ticket 88123, asked on 24 Nov\""
        );
    }

    #[test]
    fn what_does_not_fit_is_on_the_next_line() {
        let long =
            alert(&json!({"title": "acme/module-with-quite-a-long-name 10.20.30", "scope": "endpoint production"}));
        let text = heading(&long, NOW, 80);
        assert_eq!(
            text,
            "\
PAGE   acme/module-with-quite-a-long-name 10.20.30  since 02:14 UTC (9 h)
         endpoint production"
        );
        assert!(listed(&long, NOW, 60).lines().all(|line| line.chars().count() <= 60));
    }

    #[test]
    fn the_state_is_what_somebody_did_about_it() {
        for (changes, state) in [
            (json!({"snoozed_until": "2026-12-02T00:00:00Z"}), "snoozed until 2 Dec"),
            (json!({"snoozed_until": "2026-11-28T00:00:00Z"}), "1 of 1 endpoint"),
            (json!({"resolved_at": "2026-11-29T09:20:00Z"}), "resolved 2 h ago"),
            (json!({"resolved_at": "2026-11-26T09:20:00Z", "resolved_by": "ops"}), "resolved 3 d ago by ops"),
        ] {
            assert!(heading(&alert(&changes), NOW, 100).ends_with(state), "{state}");
        }
    }
}
