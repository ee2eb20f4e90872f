//! Subscriptions, and the deliveries that are waiting or dead, in one list.

use std::fmt::Write as _;

use axum::response::Response;
use eqp_store::internal::DeliveryState;
use maud::{Markup, html};

use super::super::context::PageContext;
use super::super::layout::{self, Live, Title};
use super::super::parts::{Table, counted, moment, segment, visible};
use super::super::query::PageQuery;
use super::super::subscriptions::{buttons, state_mark};
use super::{last_attempt, message, state};
use crate::api::deliveries::{Delivery, DeliveryQuery};
use crate::api::subscriptions::{Subscription, SubscriptionState};
use crate::problem::Problem;

pub(super) async fn list(page: PageContext, PageQuery(query): PageQuery<DeliveryQuery>) -> Result<Response, Problem> {
    let client = page.client();
    let subscriptions = client.subscriptions().await?.subscriptions;
    let deliveries = client.deliveries(&query).await?.deliveries;
    let title =
        Title::new(heading(&subscriptions)).tab("Deliveries").live(Live::Changes(summary(&subscriptions, &deliveries)));
    let main = html! {
        h2 { "Subscriptions" }
        @if subscriptions.is_empty() {
            p { "There are no subscriptions yet. Create one with " code { "eqp subscriptions add NAME --webhook URL" } "." }
        } @else {
            (subscription_table(&page, &subscriptions))
        }
        h2 { "Deliveries" }
        (filters(&page, &query, &subscriptions))
        @if deliveries.is_empty() {
            p { @if let Some(state) = query.state { "No delivery is " (state) "." } @else { "No delivery is waiting or dead." } }
        } @else {
            (delivery_table(&page, &deliveries))
            (older(&page, &query, &deliveries))
        }
    };
    Ok(layout::page(&page, title, main))
}

/// Returns the state of all deliveries.
fn heading(subscriptions: &[Subscription]) -> String {
    let count = |state| subscriptions.iter().filter(|one| one.state == state).count() as u64;
    let (down, paused) = (count(SubscriptionState::Down), count(SubscriptionState::Paused));
    let (waiting, dead) =
        subscriptions.iter().fold((0, 0), |(waiting, dead), one| (waiting + one.waiting, dead + one.dead));
    let mut parts = Vec::new();
    if down > 0 {
        parts.push(format!("{} down", counted(down, "handler")));
    }
    if paused > 0 {
        parts.push(format!("{} paused", counted(paused, "subscription")));
    }
    if dead > 0 {
        parts.push(format!("{} dead", counted(dead, "delivery")));
    }
    if waiting > 0 {
        parts.push(format!("{waiting} waiting"));
    }
    if parts.is_empty() { "Everything is delivered".to_owned() } else { parts.join(", ") }
}

/// Returns a text that changes when a delivery or a subscription does.
fn summary(subscriptions: &[Subscription], deliveries: &[Delivery]) -> String {
    let mut summary = String::new();
    // Writing to a string cannot fail.
    for one in subscriptions {
        let _ = write!(summary, "{}:{}:{}:{} ", one.name, one.state, one.waiting, one.dead);
    }
    for one in deliveries {
        let _ = write!(summary, "{}:{}:{} ", one.id, one.state, one.attempts);
    }
    summary
}

fn subscription_table(page: &PageContext, subscriptions: &[Subscription]) -> Markup {
    let columns = &["Subscription", "State", "Handler", "Waiting", "Dead", "Actions"];
    let mut table = Table::new("Subscriptions, by name", columns);
    for one in subscriptions {
        table.row([
            html! { a.target href={ "/subscriptions/" (segment(&one.name)) } { (visible(&one.name)) } },
            state_mark(one, page.now()),
            html! { (visible(&one.described_handler())) },
            html! {
                (one.waiting)
                @if let Some(at) = one.oldest_waiting_at { ", oldest " (moment(at, page.now())) }
            },
            html! { (one.dead) },
            buttons(page, one),
        ]);
    }
    table.show()
}

fn delivery_table(page: &PageContext, deliveries: &[Delivery]) -> Markup {
    let columns = &["Delivery", "Message", "To", "State", "Attempts", "Last result"];
    let mut table = Table::new("Deliveries, newest first", columns);
    for one in deliveries {
        table.row([
            html! { a.target href={ "/deliveries/" (one.id) } { (one.id) } },
            message(one),
            html! { (visible(&one.subscription)) },
            state(one, page.now()),
            html! { (one.attempts) },
            last_attempt(one),
        ]);
    }
    table.show()
}

fn filters(page: &PageContext, query: &DeliveryQuery, subscriptions: &[Subscription]) -> Markup {
    html! {
        form.filters method="get" action="/deliveries" role="search" aria-label="Filter of deliveries" {
            div.field {
                label for="filter-subscription" { "Subscription" }
                select id="filter-subscription" name="subscription" {
                    option value="" { "any" }
                    @for one in subscriptions {
                        option value=(one.name) selected[query.subscription.as_ref() == Some(&one.name)] { (visible(&one.name)) }
                    }
                }
            }
            div.field {
                label for="filter-state" { "State" }
                select id="filter-state" name="state" {
                    option value="" { "waiting or dead" }
                    @for state in DeliveryState::VALUES {
                        option value=(state) selected[query.state.map(DeliveryState::as_str) == Some(*state)] { (state) }
                    }
                }
            }
            @if let Some(replay) = query.replay { input type="hidden" name="replay" value=(replay); }
            div.actions {
                button type="submit" { "Filter" }
                @if page.visit.uri.query().is_some() { a.button.quiet href="/deliveries" { "All deliveries" } }
            }
        }
    }
}

fn older(page: &PageContext, query: &DeliveryQuery, deliveries: &[Delivery]) -> Markup {
    let is_full = u32::try_from(deliveries.len()).is_ok_and(|count| count >= query.limit);
    let last = deliveries.last().map(|one| one.id).filter(|_| is_full);
    html! {
        p.actions {
            @if query.before_id.is_some() { a.button.quiet href=(page.link(&[("before_id", "")])) { "Newest deliveries" } }
            @if let Some(last) = last {
                a.button.quiet href=(page.link(&[("before_id", &last.to_string())])) { "Older deliveries" }
            }
        }
    }
}
