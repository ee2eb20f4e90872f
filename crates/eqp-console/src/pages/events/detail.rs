//! One event: what was decoded, beside the bytes that were received.

use axum::response::Response;
use eqp_store::Event;
use maud::{Markup, html};

use super::super::context::PageContext;
use super::super::form::form;
use super::super::layout::{self, Title};
use super::super::parts::{self, Table, counted, identifier, moment, visible};
use super::{report, resource};
use crate::api::deliveries::DeliveryQuery;
use crate::api::events::detail::{ApiReadReport, CallbackReport, ReportedEvent};
use crate::extract::{PathParameters, whole_number};
use crate::principal::Scope;
use crate::problem::Problem;
use crate::status::status_in_words;

pub(super) async fn show(page: PageContext, PathParameters([seq]): PathParameters<1>) -> Result<Response, Problem> {
    detail(&page, whole_number(&seq, "event")?).await
}

/// Shows an event.
pub(super) async fn detail(page: &PageContext, seq: i64) -> Result<Response, Problem> {
    let client = page.client();
    let found = client.event(seq).await?.ok_or_else(|| Problem::not_found(format!("there is no event {seq}")))?;
    let query = DeliveryQuery { event_seq: Some(seq), ..DeliveryQuery::default() };
    let deliveries = client.deliveries(&query).await?.deliveries;
    let event = &found.event;
    let what = match (&event.flow, &event.status) {
        (Some(flow), Some(status)) => format!("{flow}: {}", status_in_words(status)),
        _ => event.kind.to_string(),
    };
    let about = event.resource_id.as_deref().unwrap_or("no resource");
    let title = Title::new(format!("Event {seq}: {what}")).tab(format!("{what} · {about}"));
    let main = html! {
        div.columns {
            section aria-labelledby="decoded" {
                h2 id="decoded" { "Decoded" }
                (decoded(page, event))
            }
            section aria-labelledby="received" {
                (received(page, &found))
            }
        }
        (duplicates(page, &found))
        h2 { "Deliveries" }
        @if deliveries.is_empty() {
            p { "No delivery of this event is waiting or dead." }
        } @else {
            ul {
                @for one in &deliveries {
                    li {
                        a.target href={ "/deliveries/" (one.id) } { "Delivery " (one.id) } " to " (visible(&one.subscription))
                        ": " (one.state)
                    }
                }
            }
        }
        @if page.may(Scope::Operate) { (replay(page, seq).await?) }
    };
    Ok(layout::page(page, title, main))
}

fn decoded(page: &PageContext, event: &Event) -> Markup {
    let now = page.now();
    html! {
        dl {
            dt { "Event" } dd { (identifier(&event.seq.to_string())) }
            dt { "Report" } dd { (report(event)) }
            @if event.resource_id.is_some() { dt { "Resource" } dd { (resource(event)) } }
            @if let Some(item) = &event.item_id { dt { "Item" } dd { (identifier(item)) } }
            dt { "Account" } dd { (identifier(event.mage_id.as_str())) " in " (event.environment) }
            dt { "Received" } dd { (moment(event.received_at, now)) }
            @if let Some(at) = event.modified_at {
                dt { "Reported time" }
                dd {
                    (moment(at.to_utc(), now))
                    @if event.clock_doubtful { " It is more than 48 hours after the arrival, so it is not used to order events." }
                }
            }
            @if let Some(disposition) = event.disposition { dt { "Disposition" } dd { (disposition) } }
            dt { "Origin" } dd { (event.origin) }
            @if event.flow.is_some() {
                dt { "Applied" } dd { @if event.applied { "yes, it became the status of the flow" } @else { "no" } }
                dt { "Explicit" } dd { @if event.explicit { "yes" } @else { "no, the report was about another flow" } }
            }
            @if let Some(reason) = &event.reason { dt { "Reason" } dd { (visible(reason)) } }
        }
    }
}

/// Shows the report of an event as it was received.
fn received(page: &PageContext, found: &ReportedEvent) -> Markup {
    match (&found.callback, &found.api_read) {
        (Some(callback), _) => callback_report(page, callback),
        (None, Some(read)) => api_read(page, read),
        (None, None) => html! {
            h2 id="received" { "Report" }
            p { "The callback or API read of this event was deleted, because it was older than the retention period." }
        },
    }
}

fn callback_report(page: &PageContext, callback: &CallbackReport) -> Markup {
    let bytes = callback.body.bytes();
    html! {
        h2 id="received" { "Callback" }
        dl {
            dt { "Callback" } dd { (identifier(&callback.id.to_string())) }
            dt { "Received" } dd { (moment(callback.received_at, page.now())) }
            dt { "Source" } dd { (identifier(&callback.source.to_string())) }
            dt { "Endpoint" } dd { (visible(&callback.endpoint)) }
            @if let Some(path) = &callback.arrived_path { dt { "Path" } dd { code { (visible(path)) } " (not the registered one)" } }
        }
        h3 { "Body, " (counted(bytes.len() as u64, "byte")) }
        (parts::body("Body", bytes))
        h3 { "Headers" }
        (parts::body("Headers", callback.headers.bytes()))
    }
}

fn api_read(page: &PageContext, read: &ApiReadReport) -> Markup {
    let bytes = read.body.bytes();
    html! {
        h2 id="received" { "API read" }
        p { "No callback reported this change; it was read from the API." }
        dl {
            dt { "API read" } dd { (identifier(&read.id.to_string())) }
            dt { "Received" } dd { (moment(read.received_at, page.now())) }
            @if read.baseline { dt { "Baseline" } dd { "yes: from before the account was watched" } }
        }
        h3 { "Body, " (counted(bytes.len() as u64, "byte")) }
        (parts::body("Body", bytes))
    }
}

fn duplicates(page: &PageContext, found: &ReportedEvent) -> Markup {
    let mut table =
        Table::new("Later callbacks that report the same change, oldest first", &["Callback", "Received", "Endpoint"]);
    for one in &found.duplicates {
        table.row([
            identifier(&one.id.to_string()),
            moment(one.received_at, page.now()),
            html! { (visible(&one.endpoint)) },
        ]);
    }
    html! {
        h2 { "Duplicates" }
        @if table.is_empty() { p { "There are none." } } @else { (table.show()) }
    }
}

/// Shows the form that delivers the event again.
async fn replay(page: &PageContext, seq: i64) -> Result<Markup, Problem> {
    let mut options = vec![(String::new(), "Every subscription whose filter it matches".to_owned())];
    let subscriptions = page.client().subscriptions().await?.subscriptions;
    options.extend(subscriptions.into_iter().map(|one| (one.name.clone(), one.name)));
    Ok(html! {
        h2 { "Deliver again" }
        div.forms {
            (form(page, &format!("/events/{seq}/replay"), |form| html! {
                (form.choice("to", "To", &options))
                p.hint { "The next page shows which deliveries this creates, and asks for confirmation." }
                (form.submit("Plan the replay"))
            }))
        }
    })
}
