//! Alerts: `/alerts`.

pub(crate) mod model;

use std::time::Duration;

use axum::Json;
use eqp_sync::{AlertError, AlertOperation, AlertVerb, Alerts};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::model::{Alert, AlertAction, AlertChange, AlertDetail, AlertFilter, AlertList, AlertNotification, NotProven};
use crate::authorized::{ApiState, Authorized, Operate, Read};
use crate::described::QueryOf;
use crate::extract::{JsonBody, PathParameters, Query, whole_number};
use crate::principal::Principal;
use crate::problem::{Problem, ProblemCode};

/// Returns the routes of alerts.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(acknowledge))
        .routes(routes!(snooze))
        .routes(routes!(note))
        .routes(routes!(resolve))
}

impl From<AlertError> for Problem {
    fn from(error: AlertError) -> Self {
        match error {
            AlertError::Store(error) => error.into(),
            AlertError::NotFound(_) => Self::not_found(error.to_string()),
            AlertError::Resolved(_) => Self::new(ProblemCode::Conflict).detail(error.to_string()),
            error => Self::invalid(error.to_string()),
        }
    }
}

/// List alerts
#[utoipa::path(
    get,
    path = "/alerts",
    operation_id = "listAlerts",
    tag = "alerts",
    params(QueryOf<AlertFilter>),
    responses((status = 200, description = "The open alerts, and those that were resolved recently if requested", body = AlertList))
)]
async fn list(
    operator: Authorized<Read>,
    Query(AlertFilter { all }): Query<AlertFilter>,
) -> Result<Json<AlertList>, Problem> {
    let now = OffsetDateTime::now_utc();
    let listed = Alerts::new(operator.pool().clone()).list(all, now).await?;
    let not_proven =
        listed.unproven.into_iter().map(|one| NotProven { endpoint: one.endpoint, registered_at: one.registered_at });
    Ok(Json(AlertList {
        counts: listed.counts,
        alerts: listed.alerts.into_iter().map(|alert| Alert::of(alert, now)).collect(),
        not_proven: not_proven.collect(),
    }))
}

/// Show an alert
#[utoipa::path(
    get,
    path = "/alerts/{id}",
    operation_id = "showAlert",
    tag = "alerts",
    params(("id" = i64, Path, description = "The number of the alert")),
    responses((status = 200, description = "The alert, and what happened to it", body = AlertDetail))
)]
async fn show(
    operator: Authorized<Read>,
    PathParameters([id]): PathParameters<1>,
) -> Result<Json<AlertDetail>, Problem> {
    detail(&operator, number(&id)?).await
}

/// Acknowledge an alert
#[utoipa::path(
    post,
    path = "/alerts/{id}/acknowledge",
    operation_id = "acknowledgeAlert",
    tag = "alerts",
    params(("id" = i64, Path, description = "The number of the alert")),
    request_body = AlertAction,
    responses((status = 200, description = "The alert, which reminders no longer name", body = AlertDetail))
)]
async fn acknowledge(
    operator: Authorized<Operate>,
    PathParameters([id]): PathParameters<1>,
    JsonBody(action): JsonBody<AlertAction>,
) -> Result<Json<AlertDetail>, Problem> {
    let id = number(&id)?;
    apply(&operator, "alert.acknowledge", id, &action, AlertVerb::Acknowledge).await?;
    detail(&operator, id).await
}

/// Snooze an alert
#[utoipa::path(
    post,
    path = "/alerts/{id}/snooze",
    operation_id = "snoozeAlert",
    tag = "alerts",
    params(("id" = i64, Path, description = "The number of the alert")),
    request_body = AlertAction,
    responses((status = 200, description = "The alert, which reminders do not name for this time", body = AlertDetail))
)]
async fn snooze(
    operator: Authorized<Operate>,
    PathParameters([id]): PathParameters<1>,
    JsonBody(action): JsonBody<AlertAction>,
) -> Result<Json<AlertDetail>, Problem> {
    let id = number(&id)?;
    let seconds = action.seconds.ok_or_else(|| Problem::invalid("seconds is missing"))?;
    apply(&operator, "alert.snooze", id, &action, AlertVerb::Snooze(Duration::from_secs(seconds))).await?;
    detail(&operator, id).await
}

/// Add a note to an alert
#[utoipa::path(
    post,
    path = "/alerts/{id}/notes",
    operation_id = "noteAlert",
    tag = "alerts",
    params(("id" = i64, Path, description = "The number of the alert")),
    request_body = AlertAction,
    responses((status = 200, description = "The alert with the note", body = AlertDetail))
)]
async fn note(
    operator: Authorized<Operate>,
    PathParameters([id]): PathParameters<1>,
    JsonBody(action): JsonBody<AlertAction>,
) -> Result<Json<AlertDetail>, Problem> {
    let id = number(&id)?;
    if action.note.is_none() {
        return Err(Problem::invalid("note is missing"));
    }
    apply(&operator, "alert.note", id, &action, AlertVerb::Note).await?;
    detail(&operator, id).await
}

/// Resolve an alert
#[utoipa::path(
    post,
    path = "/alerts/{id}/resolve",
    operation_id = "resolveAlert",
    tag = "alerts",
    params(("id" = i64, Path, description = "The number of the alert")),
    request_body = AlertAction,
    responses((status = 200, description = "The resolved alert", body = AlertDetail))
)]
async fn resolve(
    operator: Authorized<Operate>,
    PathParameters([id]): PathParameters<1>,
    JsonBody(action): JsonBody<AlertAction>,
) -> Result<Json<AlertDetail>, Problem> {
    let id = number(&id)?;
    apply(&operator, "alert.resolve", id, &action, AlertVerb::Resolve).await?;
    detail(&operator, id).await
}

/// Reads the number of an alert in a path.
fn number(text: &str) -> Result<i64, Problem> {
    whole_number(text, "alert")
}

/// Applies an operation, and records it in the audit log.
async fn apply(
    operator: &Authorized<Operate>,
    name: &str,
    id: i64,
    action: &AlertAction,
    verb: AlertVerb,
) -> Result<(), Problem> {
    let caller = operator.principal().to_string();
    let named = action.by.as_deref();
    // A caller with a token could write any name. The administrator of this machine could write it into the database as well.
    let (by, claimed) = match operator.principal() {
        Principal::Local => (named.unwrap_or(&caller), None),
        _ => (caller.as_str(), named),
    };
    let note = action.note.as_deref();
    let operation = AlertOperation { id, by, claimed, note, now: OffsetDateTime::now_utc(), verb };
    let mut change = operator.begin().await?;
    operation.apply(change.connection()).await?;
    change.commit(name, Some(&id.to_string()), action).await
}

async fn detail<S>(operator: &Authorized<S>, id: i64) -> Result<Json<AlertDetail>, Problem> {
    let alerts = Alerts::new(operator.pool().clone());
    let (alert, changes) = alerts.show(id).await?;
    let notifications = alerts.notifications(id).await?;
    Ok(Json(AlertDetail {
        alert: Alert::of(alert, OffsetDateTime::now_utc()),
        changes: changes.into_iter().map(AlertChange::from).collect(),
        notifications: notifications.into_iter().map(AlertNotification::from).collect(),
    }))
}
