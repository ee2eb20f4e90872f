//! Alerts: `/alerts`.

mod act;
mod detail;
mod list;

use axum::Router;
use axum::routing::{get, post};
use eqp_store::AlertSeverity;
use maud::{Markup, html};
use time::OffsetDateTime;

use super::parts::{Tone, mark, moment};
use super::state::PagesState;
use crate::api::alerts::model::Alert;

pub(super) fn routes() -> Router<PagesState> {
    Router::new()
        .route("/alerts", get(list::list))
        .route("/alerts/{id}", get(detail::show))
        .route("/alerts/{id}/acknowledge", post(act::acknowledge))
        .route("/alerts/{id}/snooze", post(act::snooze))
        .route("/alerts/{id}/notes", post(act::note))
        .route("/alerts/{id}/resolve", post(act::resolve))
}

/// Shows how urgent an alert is.
fn severity(severity: AlertSeverity) -> Markup {
    match severity {
        AlertSeverity::Page => mark(Tone::Bad, "page"),
        AlertSeverity::Ticket => mark(Tone::Attention, "ticket"),
        AlertSeverity::Info => mark(Tone::Neutral, "info"),
    }
}

/// Shows when an alert was opened, and what a person did about it.
fn state(alert: &Alert, now: OffsetDateTime) -> Markup {
    html! {
        "opened " (moment(alert.opened_at, now))
        @if let Some(scope) = &alert.scope { ", " (super::parts::visible(scope)) }
        @if let Some(at) = alert.resolved_at {
            ", resolved " (moment(at, now))
            @if let Some(by) = &alert.resolved_by { " by " (super::parts::visible(by)) }
        } @else if let Some(by) = &alert.acknowledged_by {
            ", acknowledged by " (super::parts::visible(by))
        }
        @if let Some(until) = alert.snoozed_until.filter(|until| *until > now && alert.resolved_at.is_none()) {
            ", snoozed: reminders list it again " (moment(until, now))
        }
    }
}
