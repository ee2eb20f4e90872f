//! The list of events, with filters and live updates.

use axum::response::Response;
use eqp_store::{Disposition, Event, EventFilter, EventKind, Order};
use eqp_types::{Environment, Flow};
use maud::{Markup, html};

use super::super::context::PageContext;
use super::super::layout::{self, Live, Title};
use super::super::parts::{Table, age, counted, moment, visible};
use super::super::query::PageQuery;
use super::{report, resource};
use crate::api::events::EventList;
use crate::problem::Problem;

/// The flows of the Marketplace.
const FLOWS: &[&str] = &["overall", "technical", "marketing", "malware"];

pub(super) async fn list(page: PageContext, PageQuery(filter): PageQuery<EventFilter>) -> Result<Response, Problem> {
    let found = page.client().events(&filter).await?;
    let is_filtered = EventFilter { limit: filter.limit, ..EventFilter::default() } != filter;
    let heading = match found.events.iter().max_by_key(|event| event.seq) {
        Some(event) if !is_filtered => format!("Last event {} ago", age(page.now() - event.received_at)),
        None if !is_filtered => "No events yet".to_owned(),
        _ => format!("{} with this filter", counted(found.events.len() as u64, "event")),
    };
    let mut title = Title::new(heading).tab("Events");
    // An earlier page does not get new events.
    if filter.before_seq.is_none() && filter.order == Order::NewestFirst {
        let newest = found.events.first().map(|event| event.seq);
        let after_seq = match newest {
            Some(seq) => seq,
            None => page
                .client()
                .events(&EventFilter { limit: 1, ..EventFilter::default() })
                .await?
                .events
                .first()
                .map_or(0, |event| event.seq),
        };
        title = title.live(Live::Events { after_seq, filter: stream_filter(&filter) });
    }
    let main = html! {
        (filters(&page, &filter))
        @if let Some(pending) = &found.pending {
            p {
                "Some callbacks have not been projected yet; their events will appear later."
                @if let Some(oldest) = pending.oldest { " The oldest arrived " (moment(oldest, page.now())) "." }
            }
        }
        @if found.events.is_empty() {
            p { @if is_filtered { "No event matches the filter." } @else { "The first callback will appear here." } }
        } @else {
            (table(&page, &found))
            (older(&page, &filter, &found.events))
        }
    };
    Ok(layout::page(&page, title, main))
}

/// Returns the filter of the stream, which has its own start, order and limit.
fn stream_filter(filter: &EventFilter) -> String {
    let filter = EventFilter { after_seq: None, before_seq: None, order: Order::default(), ..filter.clone() };
    serde_urlencoded::to_string(filter).unwrap_or_default()
}

fn table(page: &PageContext, found: &EventList) -> Markup {
    let mut table = Table::new("Events, newest first", &["Event", "Report", "Resource", "Received", "Remarks"]);
    for event in &found.events {
        table.row([
            html! { a.target href={ "/events/" (event.seq) } { (event.seq) } },
            report(event),
            resource(event),
            moment(event.received_at, page.now()),
            html! { (remarks(event)) },
        ]);
    }
    table.show()
}

/// Returns what is unusual about an event.
fn remarks(event: &Event) -> String {
    let mut remarks = Vec::new();
    match event.disposition {
        None | Some(Disposition::Applied) => {}
        Some(disposition) => remarks.push(disposition.to_string()),
    }
    if event.callback_id.is_none() {
        remarks.push(format!("from the API ({})", event.origin));
    }
    if event.environment == Environment::Sandbox {
        remarks.push("sandbox".to_owned());
    }
    if event.clock_doubtful {
        remarks.push("doubtful time".to_owned());
    }
    remarks.join(", ")
}

fn older(page: &PageContext, filter: &EventFilter, events: &[Event]) -> Markup {
    let is_full = u32::try_from(events.len()).is_ok_and(|count| count >= filter.limit);
    let last = events.iter().map(|event| event.seq).min().filter(|_| is_full);
    html! {
        p.actions {
            @if filter.before_seq.is_some() {
                a.button.quiet href=(page.link(&[("before_seq", "")])) { "Newest events" }
            }
            @if let Some(last) = last {
                a.button.quiet href=(page.link(&[("before_seq", &last.to_string())])) { "Older events" }
            }
        }
    }
}

fn filters(page: &PageContext, filter: &EventFilter) -> Markup {
    let kind = filter.kind.map(EventKind::as_str);
    let flow = filter.flow.as_ref().map(Flow::as_str);
    let environment = filter.environment.map(Environment::as_str);
    let is_used = page.visit.uri.query().is_some();
    html! {
        details open[is_used] {
            summary { "Filter" }
            form.filters method="get" action="/events" role="search" aria-label="Filter of events" {
                (choice("kind", "Kind", EventKind::VALUES, kind))
                (choice("flow", "Flow", FLOWS, flow))
                (text("status", "Status", filter.status.as_deref()))
                (text("resource_id", "Resource ID", filter.resource_id.as_deref()))
                (choice("disposition", "Disposition", Disposition::VALUES, filter.disposition.map(Disposition::as_str)))
                (choice("environment", "Environment", &["production", "sandbox"], environment))
                div.actions {
                    button type="submit" { "Filter" }
                    @if is_used { a.button.quiet href="/events" { "All events" } }
                }
            }
        }
    }
}

fn choice(name: &str, label: &str, values: &[&str], selected: Option<&str>) -> Markup {
    html! {
        div.field {
            label for={ "filter-" (name) } { (label) }
            select id={ "filter-" (name) } name=(name) {
                option value="" { "any" }
                @for value in values { option value=(value) selected[selected == Some(*value)] { (value.replace('_', " ")) } }
            }
        }
    }
}

fn text(name: &str, label: &str, value: Option<&str>) -> Markup {
    html! {
        div.field {
            label for={ "filter-" (name) } { (label) }
            input id={ "filter-" (name) } type="text" name=(name) value=(visible(value.unwrap_or_default())) autocomplete="off";
        }
    }
}
