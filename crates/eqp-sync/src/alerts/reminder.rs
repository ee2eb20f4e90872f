//! Reminders: one for all pages that are open, and one for all other alerts.

use eqp_store::internal::{NewAlertChange, StoredAlert, alert, alert_log};
use eqp_store::sqlx::{self, PgConnection};
use eqp_store::{AlertChangeKind, AlertSeverity};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::settings::AlertSettings;

/// The interval of reminders of pages.
const PAGES: Duration = Duration::hours(1);
/// The interval of reminders of other alerts.
const OTHERS: Duration = Duration::days(7);

/// Adds the reminders that are due to the log. Returns the alerts that they name.
pub(super) async fn remind(
    connection: &mut PgConnection,
    settings: &AlertSettings,
    open: &[StoredAlert],
    now: OffsetDateTime,
) -> Result<Vec<i64>, sqlx::Error> {
    let mut reminded = Vec::new();
    for (severity, named) in due(open, now) {
        // In quiet hours, the reminder waits and then names what is still open.
        if settings.notify_after(severity, now) > now {
            continue;
        }
        alert::remind(connection, &named, now).await?;
        let data = json!({ "alerts": named }).to_string();
        let change = NewAlertChange {
            alert: None,
            change: AlertChangeKind::Reminded,
            at: now,
            by: None,
            note: None,
            data: &data,
            severity,
            notify_after: now,
        };
        alert_log::append(connection, &change).await?;
        reminded.extend(named);
    }
    Ok(reminded)
}

/// Returns the reminders that are due. A reminder names every alert of its group that nobody has acknowledged or snoozed, and is due as
/// soon as one of them is.
fn due(open: &[StoredAlert], now: OffsetDateTime) -> Vec<(AlertSeverity, Vec<i64>)> {
    let waiting = open.iter().filter(|alert| alert.is_reminded(now));
    let (pages, others): (Vec<_>, Vec<_>) = waiting.partition(|alert| alert.severity == AlertSeverity::Page);
    let mut due = Vec::new();
    for (severity, group, interval) in [(AlertSeverity::Page, pages, PAGES), (AlertSeverity::Ticket, others, OTHERS)] {
        let is_due = |alert: &&StoredAlert| now - alert.reminded_at.unwrap_or(alert.opened_at) >= interval;
        if group.iter().any(is_due) {
            due.push((severity, group.iter().map(|alert| alert.id).collect()));
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use eqp_store::internal::AlertSubject;

    use super::*;

    fn at(hours: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::hours(hours)
    }

    fn opened(id: i64, severity: AlertSeverity, hours: i64) -> StoredAlert {
        StoredAlert {
            id,
            subject: AlertSubject { kind: "review_stuck".to_owned(), account: None, key: id.to_string() },
            environment: None,
            mage_id: None,
            severity,
            data: "{}".to_owned(),
            opened_at: at(hours),
            updated_at: at(hours),
            updates: 0,
            acknowledged_at: None,
            acknowledged_by: None,
            snoozed_until: None,
            reminded_at: None,
            resolved_at: None,
            resolved_by: None,
            note: None,
        }
    }

    #[test]
    fn a_reminder_names_every_open_alert_of_its_group() {
        use AlertSeverity::{Info, Page, Ticket};
        let open = [opened(1, Page, 0), opened(2, Page, 1), opened(3, Ticket, 0), opened(4, Info, 160)];
        assert_eq!(due(&open, at(0)), []);
        assert_eq!(due(&open, at(1)), [(Page, vec![1, 2])]);
        assert_eq!(due(&open, at(7 * 24)), [(Page, vec![1, 2]), (Ticket, vec![3, 4])]);
    }

    #[test]
    fn acknowledged_and_snoozed_alerts_are_not_named() {
        let (mut acknowledged, mut snoozed, mut reminded) =
            (opened(1, AlertSeverity::Page, 0), opened(2, AlertSeverity::Page, 0), opened(3, AlertSeverity::Page, 0));
        acknowledged.acknowledged_at = Some(at(1));
        snoozed.snoozed_until = Some(at(5));
        reminded.reminded_at = Some(at(3));
        let open = [acknowledged, snoozed, reminded];
        assert_eq!(due(&open, at(3)), []);
        assert_eq!(due(&open, at(4)), [(AlertSeverity::Page, vec![3])]);
        assert_eq!(due(&open, at(5)), [(AlertSeverity::Page, vec![2, 3])]);
    }
}
