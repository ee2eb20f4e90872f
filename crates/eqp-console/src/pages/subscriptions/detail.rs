//! One subscription.

use axum::response::Response;
use maud::{Markup, html};

use super::super::context::PageContext;
use super::super::form::form;
use super::super::layout::{self, Title};
use super::super::parts::{identifier, length, moment, segment, visible};
use super::{can_be_tested, state_mark};
use crate::api::subscriptions::{Subscription, SubscriptionState};
use crate::extract::PathParameters;
use crate::principal::Scope;
use crate::problem::Problem;

pub(super) async fn show(page: PageContext, PathParameters([name]): PathParameters<1>) -> Result<Response, Problem> {
    detail(&page, &name).await
}

/// Shows a subscription.
pub(super) async fn detail(page: &PageContext, name: &str) -> Result<Response, Problem> {
    let one = page.client().subscription(name).await?;
    let word = match one.state {
        SubscriptionState::Active => "active",
        SubscriptionState::CatchingUp => "catching up",
        SubscriptionState::Down => "handler down",
        SubscriptionState::Paused => "paused",
    };
    let title = Title::new(format!("{name}: {word}")).tab(format!("{word} · {name}"));
    let main = html! {
        (facts(page, &one))
        p {
            a.button.quiet href={ "/deliveries?subscription=" (segment(name)) } { "Its deliveries" }
        }
        @if page.may(Scope::Operate) { (actions(page, &one)) }
    };
    Ok(layout::page(page, title, main))
}

fn facts(page: &PageContext, one: &Subscription) -> Markup {
    let now = page.now();
    html! {
        dl {
            dt { "Subscription" } dd { (identifier(&one.name)) }
            dt { "State" } dd { (state_mark(one, now)) }
            dt { "Handler" } dd { (visible(&one.described_handler())) }
            dt { "Events" } dd { (filter(one)) }
            dt { "Waiting" } dd { (one.described_waiting()) @if let Some(at) = one.oldest_waiting_at { ", oldest " (moment(at, now)) } }
            dt { "Dead" } dd { (one.dead) }
            dt { "Order" }
            dd {
                @match one.order_hold {
                    Some(0) => "not kept",
                    Some(seconds) => { "a failing delivery holds back the later ones of its resource for " (length(seconds)) },
                    None => "strict: a failing delivery holds back the later ones of its resource until it is dead",
                }
            }
            @if let Some(file) = &one.declared_by { dt { "Declared in" } dd { (identifier(file)) } }
            @if let Some(at) = one.fetched_at { dt { "Last fetched" } dd { (moment(at, now)) } }
            dt { "Created" } dd { (moment(one.created_at, now)) }
        }
    }
}

/// Shows which events and alerts the subscription receives.
fn filter(one: &Subscription) -> Markup {
    let Some(filter) = &one.filter else { return html! { "defined by a newer version" } };
    let lists = [
        ("kind", &filter.kinds),
        ("flow", &filter.flows),
        ("status", &filter.statuses),
        ("SKU", &filter.skus),
        ("account", &filter.accounts),
        ("origin", &filter.origins),
        ("alerts", &filter.alerts),
    ];
    let mut parts: Vec<String> = lists
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| format!("{name} {}", list.join(" or ")))
        .collect();
    for (is_set, text) in [
        (filter.explicit_only, "explicit ones only"),
        (filter.applied_only, "applied ones only"),
        (filter.alerts_only, "alerts only"),
    ] {
        if is_set {
            parts.push(text.to_owned());
        }
    }
    html! {
        @if parts.is_empty() { "all except those of the baseline" } @else { (visible(&parts.join("; "))) }
    }
}

fn actions(page: &PageContext, one: &Subscription) -> Markup {
    let path = |verb: &str| format!("/subscriptions/{}/{verb}", segment(&one.name));
    html! {
        h2 { "Actions" }
        div.forms {
            @if can_be_tested(one) {
                (form(page, &path("test"), |form| html! {
                    h3 { "Test" }
                    p.hint { "A worker sends a test message once, also while the subscription is paused." }
                    (form.submit("Test"))
                }))
            }
            @if one.state == SubscriptionState::Paused {
                (form(page, &path("resume"), |form| html! {
                    h3 { "Resume" }
                    p.hint { "The events of the pause are delivered first." }
                    (form.submit("Resume"))
                }))
            } @else {
                (form(page, &path("pause"), |form| html! {
                    h3 { "Pause" }
                    p.hint { "Nothing is delivered until it is resumed, and nothing is lost." }
                    (form.text("reason", "Reason", Some("If it is empty, it says who has paused it.")))
                    (form.submit("Pause"))
                }))
            }
        }
    }
}
