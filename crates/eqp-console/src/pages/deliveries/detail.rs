//! One delivery, with its attempts.

use axum::response::Response;
use eqp_store::internal::DeliveryState;
use maud::{Markup, html};

use super::super::context::PageContext;
use super::super::form::form;
use super::super::layout::{self, Live, Title};
use super::super::parts::{Table, counted, identifier, moment, segment, status_mark, visible};
use super::{message, state};
use crate::api::deliveries::{Delivery, DeliveryDetail};
use crate::extract::{PathParameters, whole_number};
use crate::principal::Scope;
use crate::problem::Problem;

pub(super) async fn show(page: PageContext, PathParameters([id]): PathParameters<1>) -> Result<Response, Problem> {
    detail(&page, whole_number(&id, "delivery")?).await
}

/// Shows a delivery.
pub(super) async fn detail(page: &PageContext, id: i64) -> Result<Response, Problem> {
    let found = page.client().delivery(id).await?;
    let word = word(&found);
    let summary = format!("{word} {}", found.attempts.len());
    let title = Title::new(format!("Delivery {id}: {word}"))
        .tab(format!("{word} · Delivery {id}"))
        .live(Live::Changes(summary));
    let main = html! {
        @if let Some(delivery) = &found.delivery { (facts(page, delivery)) }
        (attempts(page, &found))
        @if let Some(delivery) = found.delivery.as_ref().filter(|_| page.may(Scope::Operate)) { (actions(page, delivery)) }
    };
    Ok(layout::page(page, title, main))
}

/// Returns the state of a delivery in a word. One that has ended is known by its attempts only.
fn word(found: &DeliveryDetail) -> String {
    match (&found.delivery, found.attempts.last()) {
        (Some(delivery), _) => delivery.state.to_string(),
        (None, Some(last)) => last.result.replace('_', " "),
        (None, None) => "ended".to_owned(),
    }
}

fn facts(page: &PageContext, one: &Delivery) -> Markup {
    html! {
        dl {
            dt { "Delivery" } dd { (identifier(&one.id.to_string())) }
            dt { "Message" } dd { (message(one)) }
            dt { "To" } dd { a href={ "/subscriptions/" (segment(&one.subscription)) } { (visible(&one.subscription)) } }
            dt { "State" } dd { (state(one, page.now())) }
            @if let Some(resource) = &one.resource_id { dt { "Resource" } dd { (identifier(resource)) } }
            @if let Some(status) = &one.status { dt { "Status" } dd { (status_mark(status)) } }
            dt { "Created" } dd { (moment(one.created_at, page.now())) }
            dt { "Attempts that count" } dd { (one.attempts) }
        }
    }
}

fn attempts(page: &PageContext, found: &DeliveryDetail) -> Markup {
    let columns = &["When", "To", "Result", "Duration", "Response or error"];
    let mut table = Table::new("Attempts of the last 7 days, newest first", columns);
    for one in found.attempts.iter().rev() {
        table.row([
            moment(one.at, page.now()),
            html! { (visible(one.subscription.as_deref().unwrap_or("a deleted subscription"))) },
            html! {
                (visible(&one.result.replace('_', " ")))
                @if let Some(status) = one.status { " (" (status) ")" }
            },
            html! { (one.duration_ms) " ms" },
            html! { @if let Some(note) = &one.note { (visible(note)) } },
        ]);
    }
    html! {
        h2 { (counted(found.attempts.len() as u64, "attempt")) }
        @if table.is_empty() { p { "No attempt was made yet." } } @else { (table.show()) }
    }
}

fn actions(page: &PageContext, one: &Delivery) -> Markup {
    html! {
        h2 { "Actions" }
        div.forms {
            (form(page, &format!("/deliveries/{}/retry", one.id), |form| html! {
                p.hint { "It is sent now, regardless of earlier attempts." }
                (form.submit("Retry now"))
            }))
            @if one.state != DeliveryState::Skipped {
                (form(page, &format!("/deliveries/{}/discard", one.id), |form| html! {
                    p.hint { "It is never sent." }
                    (form.submit("Discard"))
                }))
            }
        }
    }
}
