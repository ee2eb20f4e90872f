//! The texts of messages.
//!
//! The product, its version and its status are within the first 60 characters, because notifications show no more.

use eqp_store::Origin;
use eqp_types::{FailedReport, Flow};

use super::line::{Line, one_line};
use super::words::{current, day, described, reviews, words};
use crate::{AlertChange, AlertData, EventData, MessageBody, OpenAlert, ReminderData};

/// The maximum number of findings in a message.
const MAX_FINDINGS: usize = 5;

/// The maximum number of attachments in a message.
const MAX_ATTACHMENTS: usize = 3;

/// The text of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// The change in one line, for the subject of a mail.
    #[cfg_attr(not(feature = "email"), allow(dead_code, reason = "only mails have a subject"))]
    pub(crate) title: String,
    /// The state of the subject, for a first message that is edited.
    pub(crate) state: Vec<Line>,
    /// The change, for a reply or a message without a thread.
    pub(crate) change: Vec<Line>,
    /// The subject, if changes of the same subject belong together.
    pub(crate) subject: Option<String>,
    /// Whether the change is worth a message of its own.
    pub(crate) is_decisive: bool,
    /// Whether the change contains more than the state, such as reasons.
    pub(crate) says_more: bool,
}

impl Text {
    /// Returns the text of a message, or `None` if people are not notified of it.
    pub(crate) fn of(body: &MessageBody) -> Option<Self> {
        match body {
            MessageBody::SubmissionStatusChanged(content) => Self::of_submission(&content.data),
            MessageBody::FileScanFinished(content) => Self::of_scan(&content.data),
            MessageBody::CallbackUnrecognized(_) => None,
            MessageBody::AlertOpened(content) => Some(Self::of_alert(&content.data, AlertChange::Opened)),
            MessageBody::AlertAcknowledged(content) => Some(Self::of_alert(&content.data, AlertChange::Acknowledged)),
            MessageBody::AlertResolved(content) => Some(Self::of_alert(&content.data, AlertChange::Resolved)),
            MessageBody::AlertReminded(content) => Some(Self::of_reminder(&content.data)),
            MessageBody::Digest(content) => Some(Self::of_digest(&content.data)),
            MessageBody::SubscriptionTest(content) => {
                let data = &content.data;
                let line = format!("{}: {}", one_line(&data.subscription), one_line(&data.text));
                Some(Self::without_subject(line.clone(), vec![Line::plain(line)], true))
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
        let now = current(&data.statuses).unwrap_or_else(|| changed.clone());
        let details = details(data.urls.page.as_deref());
        let mut state = vec![Line::bold(format!("{product}: {now}")), Line::plain(summary(data))];
        state.extend(details.clone());
        let mut change = vec![Line::bold(format!("{product}: {changed}"))];
        change.extend(findings(&data.findings));
        if data.event.origin == Origin::Reconcile {
            change.push(Line::plain("No callback arrived for this change; it was read from the API."));
        }
        change.extend(
            data.out_of_order_after
                .map(|seq| Line::plain(format!("The earlier event {seq} has not been delivered yet."))),
        );
        let says_more = change.len() > 1;
        change.extend(details);
        Some(Self {
            title: format!("{product} {changed}"),
            state,
            change,
            subject: Some(subject(data)?),
            is_decisive: is_decisive(flow, status, data.previous_status.as_deref()),
            says_more,
        })
    }

    fn of_scan(data: &EventData) -> Option<Self> {
        let (id, status) = (data.event.resource_id.as_deref()?, data.event.status.as_deref()?);
        let line = format!("{}file {}: malware scan {}", sandbox(data), one_line(id), words(status));
        let is_decisive = data.event.applied && status == "failed";
        Some(Self::without_subject(line.clone(), vec![Line::bold(line)], is_decisive))
    }

    fn of_alert(data: &AlertData, change: AlertChange) -> Self {
        let product = match (&data.sku, &data.version) {
            (Some(sku), Some(version)) => format!("{} {}: ", one_line(sku), one_line(version)),
            (Some(sku), None) => format!("{}: ", one_line(sku)),
            _ => String::new(),
        };
        let state = match change {
            AlertChange::Opened => "alert",
            AlertChange::Acknowledged => "acknowledged",
            AlertChange::Resolved => "resolved",
        };
        let title = format!("{product}{} ({state})", one_line(&data.title));
        let mut lines = vec![Line::bold(title.clone())];
        if change == AlertChange::Opened {
            lines.extend(data.text.lines().map(|line| Line::plain(one_line(line))));
        }
        lines.extend(details(data.urls.page.as_deref()));
        Self {
            title,
            state: lines.clone(),
            change: lines,
            subject: Some(format!("alert/{}", data.alert)),
            is_decisive: change != AlertChange::Acknowledged,
            says_more: false,
        }
    }

    fn of_reminder(data: &ReminderData) -> Self {
        let title = one_line(&data.title);
        let mut lines = vec![Line::bold(title.clone())];
        lines.extend(data.alerts.iter().map(reminded));
        Self::without_subject(title, lines, true)
    }

    pub(super) fn without_subject(title: String, lines: Vec<Line>, is_decisive: bool) -> Self {
        Self { title, state: lines.clone(), change: lines, subject: None, is_decisive, says_more: false }
    }
}

/// Describes an alert in one line.
pub(super) fn reminded(alert: &OpenAlert) -> Line {
    let severity = alert.severity.to_uppercase();
    Line::plain(format!("{severity} #{} {}, since {}", alert.alert, one_line(&alert.title), day(alert.opened_at)))
}

fn details(page: Option<&str>) -> Option<Line> {
    page.map(|page| Line::link("Details", page))
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
    let version = data.version.as_deref().map(|version| format!(" {}", one_line(version))).unwrap_or_default();
    match (&data.sku, &data.event.resource_id) {
        (Some(sku), _) => format!("{}{}{version}", sandbox(data), one_line(sku)),
        (None, id) => format!("{}submission {}", sandbox(data), one_line(id.as_deref().unwrap_or_default())),
    }
}

/// Returns one line with the dates, the reviews and the store, as far as they are known.
fn summary(data: &EventData) -> String {
    let submitted = data.submitted_at.map(|at| format!("submitted {}", day(at)));
    let store = data.store_version.as_deref().map(|version| format!("store has {}", one_line(version)));
    submitted.into_iter().chain(reviews(&data.statuses)).chain(store).collect::<Vec<_>>().join(" · ")
}

/// Returns whether a change is worth a message of its own.
pub(super) fn is_decisive(flow: &Flow, status: &str, previous: Option<&str>) -> bool {
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

fn findings(findings: &[String]) -> Vec<Line> {
    let (attached, findings): (Vec<&String>, Vec<&String>) =
        findings.iter().partition(|finding| FailedReport::attachment(finding).is_some());
    let shown = findings.iter().take(MAX_FINDINGS).enumerate();
    let mut lines: Vec<Line> =
        shown.map(|(index, finding)| Line::plain(format!("{}. {}", index + 1, one_line(finding)))).collect();
    if findings.len() > MAX_FINDINGS {
        lines.push(Line::plain(format!("and {} more on the page", findings.len() - MAX_FINDINGS)));
    }
    let urls = attached.into_iter().filter_map(|finding| FailedReport::attachment(finding));
    lines.extend(urls.take(MAX_ATTACHMENTS).map(|url| Line::link("Adobe's attachment", url)));
    lines
}
