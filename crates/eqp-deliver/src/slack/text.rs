//! The texts of messages for people in a chat.
//!
//! The product, its version and its status are within the first 60 characters, because notifications show no more. Text of the
//! Marketplace is escaped, so that it can neither notify a channel nor create links.

use eqp_store::Origin;
use eqp_types::Flow;

use crate::{AlertChange, AlertData, EventData, MessageBody, OpenAlert, ReminderData};

/// The maximum number of findings in a message.
const MAX_FINDINGS: usize = 5;
/// The maximum length of a message in characters.
const MAX_CHARACTERS: usize = 3_000;

/// A message of a chat.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// The state of the subject, for the first message of a thread.
    pub(super) state: String,
    /// The change, for a reply or a message without a thread.
    pub(super) change: String,
    /// The subject, if changes of the same subject belong into one thread.
    pub(super) subject: Option<String>,
    /// Whether the change is worth a message of its own.
    pub(super) is_decisive: bool,
}

impl Text {
    /// Returns the text for a message, or `None` if it is nothing for people.
    pub(super) fn of(body: &MessageBody) -> Option<Self> {
        match body {
            MessageBody::SubmissionStatusChanged(content) => Self::of_submission(&content.data),
            MessageBody::FileScanFinished(content) => Self::of_scan(&content.data),
            MessageBody::CallbackUnrecognized(_) => None,
            MessageBody::AlertOpened(content) => Some(Self::of_alert(&content.data, AlertChange::Opened)),
            MessageBody::AlertAcknowledged(content) => Some(Self::of_alert(&content.data, AlertChange::Acknowledged)),
            MessageBody::AlertResolved(content) => Some(Self::of_alert(&content.data, AlertChange::Resolved)),
            MessageBody::AlertReminded(content) => Some(Self::of_reminder(&content.data)),
            MessageBody::SubscriptionTest(content) => {
                let text = format!("{}: {}", escaped(&content.data.subscription), escaped(&content.data.text));
                Some(Self { state: text.clone(), change: text, subject: None, is_decisive: true })
            }
        }
    }

    fn of_submission(data: &EventData) -> Option<Self> {
        let (flow, status) = (data.event.flow.as_ref()?, data.event.status.as_deref()?);
        // A report about the past changed nothing.
        if !data.event.applied {
            return None;
        }
        let product = product(data);
        let changed = described(flow, status, data.previous_status.as_deref());
        let mut state = vec![format!("{product}: {}", current(data).unwrap_or_else(|| changed.clone()))];
        state.push(summary(data));
        let details = data.urls.page.as_deref().map(|page| format!("<{}|Details>", link(page)));
        state.extend(details.clone());
        let mut change = vec![format!("{product}: {changed}")];
        change.extend(findings(&data.findings));
        if data.event.origin == Origin::Reconcile {
            change.push("No callback arrived for this change; it was read from the API.".to_owned());
        }
        change.extend(data.out_of_order_after.map(|seq| format!("Event {seq} was not delivered yet.")));
        change.extend(details);
        Some(Self {
            state: shortened(&state),
            change: shortened(&change),
            subject: Some(subject(data)?),
            is_decisive: is_decisive(flow, status, data.previous_status.as_deref()),
        })
    }

    fn of_scan(data: &EventData) -> Option<Self> {
        let (id, status) = (data.event.resource_id.as_deref()?, data.event.status.as_deref()?);
        let text = format!("{}file {}: malware scan {}", sandbox(data), escaped(id), words(status));
        let is_decisive = data.event.applied && status == "failed";
        Some(Self { state: text.clone(), change: text, subject: None, is_decisive })
    }

    fn of_alert(data: &AlertData, change: AlertChange) -> Self {
        let product = match (&data.sku, &data.version) {
            (Some(sku), Some(version)) => format!("{} {}: ", escaped(sku), escaped(version)),
            (Some(sku), None) => format!("{}: ", escaped(sku)),
            _ => String::new(),
        };
        let state = match change {
            AlertChange::Opened => "alert",
            AlertChange::Acknowledged => "acknowledged",
            AlertChange::Resolved => "resolved",
        };
        let title = format!("{product}{} ({state})", escaped(&data.title));
        let details = data.urls.page.as_deref().map(|page| format!("<{}|Details>", link(page)));
        let mut lines = vec![title];
        if change == AlertChange::Opened {
            lines.extend(data.text.lines().map(escaped));
        }
        lines.extend(details);
        let text = shortened(&lines);
        Self {
            state: text.clone(),
            change: text,
            subject: Some(format!("alert/{}", data.alert)),
            is_decisive: change != AlertChange::Acknowledged,
        }
    }

    fn of_reminder(data: &ReminderData) -> Self {
        let title = std::iter::once(escaped(&data.title));
        let text = shortened(&title.chain(data.alerts.iter().map(reminded)).collect::<Vec<_>>());
        Self { state: text.clone(), change: text, subject: None, is_decisive: true }
    }
}

fn reminded(alert: &OpenAlert) -> String {
    let severity = alert.severity.to_uppercase();
    let opened = alert.opened_at.to_offset(time::UtcOffset::UTC);
    let (day, month) = (opened.day(), opened.month().to_string());
    format!("{severity} #{} {}, since {day} {}", alert.alert, escaped(&alert.title), &month[..3])
}

/// Returns the subject of a thread: the submission of an account.
fn subject(data: &EventData) -> Option<String> {
    let event = &data.event;
    Some(format!("{}/{}/{}", event.environment, event.mage_id, event.resource_id.as_deref()?))
}

fn sandbox(data: &EventData) -> &'static str {
    if data.event.environment == eqp_types::Environment::Sandbox { "[sandbox] " } else { "" }
}

fn product(data: &EventData) -> String {
    let version = data.version.as_deref().map(|version| format!(" {}", escaped(version))).unwrap_or_default();
    match (&data.sku, &data.event.resource_id) {
        (Some(sku), _) => format!("{}{}{version}", sandbox(data), escaped(sku)),
        (None, id) => format!("{}submission {}", sandbox(data), escaped(id.as_deref().unwrap_or_default())),
    }
}

/// Returns one line with the dates, the reviews and the store, as far as they are known.
fn summary(data: &EventData) -> String {
    let submitted = data.submitted_at.map(|at| format!("submitted {} {}", at.day(), &at.month().to_string()[..3]));
    let reviews = ["technical", "marketing"].into_iter().filter_map(|flow| {
        let status = data.statuses.get(flow)?;
        Some(format!("{flow}: {}", words(status)))
    });
    let store = data.store_version.as_deref().map(|version| format!("store has {}", escaped(version)));
    submitted.into_iter().chain(reviews).chain(store).collect::<Vec<_>>().join(" · ")
}

/// Returns the current state of a submission, if its statuses are known.
fn current(data: &EventData) -> Option<String> {
    let status = |flow: &str| data.statuses.get(flow).map(String::as_str);
    for (name, flow) in [("technical", Flow::Technical), ("marketing", Flow::Marketing)] {
        if status(name) == Some("rejected") && !matches!(status("overall"), Some("released_to_store")) {
            return Some(described(&flow, "rejected", None));
        }
    }
    status("overall").map(|status| described(&Flow::Overall, status, Some("")))
}

/// Returns a status in words.
fn described(flow: &Flow, status: &str, previous: Option<&str>) -> String {
    match (flow, status) {
        (Flow::Overall, "in_progress") if previous.is_none_or(|previous| previous == "draft") => "submitted".to_owned(),
        (Flow::Overall, "in_progress") => "in review".to_owned(),
        (Flow::Overall, "released_to_store") => "in the store".to_owned(),
        (Flow::Overall, "admin_removed_from_store") => "removed from the store by the Marketplace".to_owned(),
        (Flow::Overall, "developer_removed_from_store") => "removed from the store by the developer".to_owned(),
        (Flow::Overall, "canceled_by_admin") => "canceled by the Marketplace".to_owned(),
        (Flow::Overall, "canceled_by_developer") => "canceled by the developer".to_owned(),
        (Flow::Overall, status) => words(status),
        (flow, "rejected") => format!("rejected by {} review", escaped(flow.as_ref())),
        (flow, status) => format!("{} review: {}", escaped(flow.as_ref()), words(status)),
    }
}

fn is_decisive(flow: &Flow, status: &str, previous: Option<&str>) -> bool {
    match (flow, status) {
        (Flow::Overall, "in_progress") => previous.is_none_or(|previous| previous == "draft"),
        (
            Flow::Overall,
            "released_to_store"
            | "admin_removed_from_store"
            | "developer_removed_from_store"
            | "canceled_by_admin"
            | "canceled_by_developer",
        )
        | (Flow::Technical | Flow::Marketing, "rejected") => true,
        _ => false,
    }
}

fn findings(findings: &[String]) -> Vec<String> {
    let shown = findings.iter().take(MAX_FINDINGS).enumerate();
    let mut lines: Vec<String> = shown.map(|(index, finding)| format!("{}. {}", index + 1, escaped(finding))).collect();
    if findings.len() > MAX_FINDINGS {
        lines.push(format!("and {} more on the page", findings.len() - MAX_FINDINGS));
    }
    lines
}

fn words(status: &str) -> String {
    escaped(&status.replace('_', " "))
}

/// Escapes text for Slack, in one line.
fn escaped(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn link(url: &str) -> String {
    escaped(url).replace('|', "%7C")
}

/// Joins lines, without the last ones of a long text. Each line that remains is complete, so that nothing is cut inside an escape.
fn shortened(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let line: String = if line.chars().count() > MAX_CHARACTERS { "…".to_owned() } else { line.clone() };
        if text.chars().count() + line.chars().count() + 2 > MAX_CHARACTERS {
            text.push_str("\n…");
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line);
    }
    text
}
