//! Builds the part of a server that evaluates alerts.

use eqp_sync::AlertService;

use super::database::Database;
use crate::context::Context;

/// Builds the part that evaluates the alerts of a database. Open alerts are counted in the database's metrics.
pub(crate) fn alert_service(context: &Context, database: &Database) -> AlertService {
    AlertService::new(database.pool().clone())
        .settings(context.settings.alerts.resolve())
        .observer(database.metrics().observer())
}
