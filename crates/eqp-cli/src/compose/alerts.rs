//! Builds the part of a server that evaluates alerts, and describes alerts to subscriptions.

use eqp_deliver::AlertDescription;
use eqp_sync::{AlertService, AlertText};
use time::OffsetDateTime;

use super::database::Database;
use crate::context::Context;

/// Builds the part that evaluates the alerts of a database. Open alerts are counted in the database's metrics.
pub(crate) fn alert_service(context: &Context, database: &Database) -> AlertService {
    AlertService::new(database.pool().clone())
        .settings(context.settings.alerts.resolve())
        .observer(database.metrics().observer())
}

/// Describes an alert in the messages of subscriptions.
pub(crate) fn describe_alert(kind: &str, data: &str, at: OffsetDateTime) -> AlertDescription {
    let AlertText { title, scope, lost, meaning, first_check, resolves, .. } = AlertText::of(kind, data, at);
    let title = scope.map_or_else(|| title.clone(), |scope| format!("{title} ({scope})"));
    AlertDescription { title, text: format!("{lost} {meaning} First check: {first_check}. {resolves}") }
}
