//! Subscriptions: `/subscriptions/{name}`. The list is that of the deliveries.

mod act;
mod detail;

use axum::Router;
use axum::routing::{get, post};
use eqp_deliver::HandlerDefinition;
use maud::{Markup, html};
use time::OffsetDateTime;

use super::context::PageContext;
use super::form::form;
use super::parts::{Tone, mark, moment, segment};
use super::state::PagesState;
use crate::api::subscriptions::{Subscription, SubscriptionState};
use crate::principal::Scope;

pub(super) fn routes() -> Router<PagesState> {
    Router::new()
        .route("/subscriptions/{name}", get(detail::show))
        .route("/subscriptions/{name}/test", post(act::test))
        .route("/subscriptions/{name}/pause", post(act::pause))
        .route("/subscriptions/{name}/resume", post(act::resume))
}

/// Shows the state of a subscription, and since when it has been in it.
pub(super) fn state_mark(one: &Subscription, now: OffsetDateTime) -> Markup {
    html! {
        @match one.state {
            SubscriptionState::Active => (mark(Tone::Done, "active")),
            SubscriptionState::CatchingUp => (mark(Tone::Progress, "catching up")),
            SubscriptionState::Down => {
                (mark(Tone::Bad, "handler down"))
                @if let Some(since) = one.failing_since { " " (moment(since, now)) }
                @if let Some(at) = one.next_probe_at { ", next attempt " (moment(at, now)) }
            }
            SubscriptionState::Paused => {
                (mark(Tone::Attention, "paused"))
                @if let Some(since) = one.paused_at { " " (moment(since, now)) }
                @if let Some(reason) = &one.paused_reason { ": " (super::parts::visible(reason)) }
            }
        }
    }
}

/// Shows the buttons of a subscription in a list.
pub(super) fn buttons(page: &PageContext, one: &Subscription) -> Markup {
    if !page.may(Scope::Operate) {
        return html! {};
    }
    let path = |verb: &str| format!("/subscriptions/{}/{verb}", segment(&one.name));
    html! {
        div.actions {
            @if can_be_tested(one) { (form(page, &path("test"), |form| form.submit("Test"))) }
            @if one.state == SubscriptionState::Paused {
                (form(page, &path("resume"), |form| form.submit("Resume")))
            } @else {
                (form(page, &path("pause"), |form| form.submit("Pause")))
            }
        }
    }
}

/// Returns whether messages are sent, so that there is something to test.
fn can_be_tested(one: &Subscription) -> bool {
    !matches!(one.handler, Some(HandlerDefinition::Pull) | None)
}
