//! Deliveries and the subscriptions that they belong to: `/deliveries`.

mod act;
mod detail;
mod list;

use axum::Router;
use axum::routing::{get, post};
use eqp_store::internal::{DeliverySource, DeliveryState, WaitReason};
use maud::{Markup, html};
use time::OffsetDateTime;

use super::parts::{Tone, mark, moment};
use super::state::PagesState;
use crate::api::deliveries::Delivery;

pub(super) fn routes() -> Router<PagesState> {
    Router::new()
        .route("/deliveries", get(list::list))
        .route("/deliveries/{id}", get(detail::show))
        .route("/deliveries/{id}/retry", post(act::retry))
        .route("/deliveries/{id}/discard", post(act::discard))
}

/// Shows what is delivered.
fn message(one: &Delivery) -> Markup {
    html! {
        @match (one.source, one.alert) {
            (DeliverySource::Event, _) => a href={ "/events/" (one.event_seq) } { "event " (one.event_seq) },
            (DeliverySource::Alert, Some(alert)) => a href={ "/alerts/" (alert) } { "alert " (alert) },
            (DeliverySource::Alert, None) => "reminder of alerts",
            (DeliverySource::Test, _) => "test",
            (DeliverySource::Digest, _) => "digest",
        }
        @if let Some(replay) = one.replay { ", " a href={ "/replays/" (replay) } { "replay " (replay) } }
    }
}

/// Shows the state of a delivery and, if it is waiting, the reason.
fn state(one: &Delivery, now: OffsetDateTime) -> Markup {
    let until = |text: &str| html! { (text) @if let Some(at) = one.retry_at { ", next attempt " (moment(at, now)) } };
    html! {
        @match (one.state, one.waits_for) {
            (DeliveryState::Dead, _) => { (mark(Tone::Bad, "dead")) @if let Some(at) = one.dead_at { " " (moment(at, now)) } }
            (DeliveryState::Skipped, _) => { (mark(Tone::Neutral, "skipped")) " " (moment(one.created_at, now)) ": the filter did not match" }
            (DeliveryState::Waiting, None) => (mark(Tone::Progress, "waiting")),
            (DeliveryState::Waiting, Some(reason)) => {
                (mark(Tone::Progress, "waiting")) ": "
                @match reason {
                    WaitReason::Paused => "the subscription is paused",
                    WaitReason::Consumer => "consumers have not fetched it yet",
                    WaitReason::QuietHours => (until("quiet hours")),
                    WaitReason::HandlerDown => (until("the handler is down")),
                    WaitReason::EarlierDelivery => {
                        "an earlier delivery is not finished"
                        @if let Some(held_by) = one.held_by { ", " a href={ "/deliveries/" (held_by) } { "delivery " (held_by) } }
                    }
                    WaitReason::Retry => (until("it failed")),
                    WaitReason::Details => "the details of the resource are not known yet",
                    WaitReason::Sending => "it is being sent",
                    WaitReason::Worker => "it is due",
                }
            }
        }
    }
}

/// Shows the last attempt of a delivery.
fn last_attempt(one: &Delivery) -> Markup {
    html! {
        @if let Some(result) = &one.last_result {
            (super::parts::visible(&result.replace('_', " ")))
            @if let Some(status) = one.last_status { " (" (status) ")" }
        }
    }
}
