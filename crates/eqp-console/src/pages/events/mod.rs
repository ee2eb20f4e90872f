//! Events: `/events`.

mod detail;
mod list;
mod live;
mod replay;

use axum::Router;
use axum::routing::{get, post};
use eqp_store::{Event, EventKind};
use maud::{Markup, html};

use super::layout::STREAM;
use super::parts::{identifier, segment, status_mark, visible};
use super::state::PagesState;

pub(super) fn routes() -> Router<PagesState> {
    Router::new()
        .route("/events", get(list::list))
        .route("/events/{seq}", get(detail::show))
        .route("/events/{seq}/replay", post(replay::replay))
        .route(STREAM, get(live::stream))
}

/// Shows what an event reports: the flow and its status, or the reason why the report is not understood.
fn report(event: &Event) -> Markup {
    html! {
        @match (&event.flow, &event.status, event.kind) {
            (Some(flow), Some(status), _) => { (visible(flow.as_str())) ": " (status_mark(status)) }
            (_, _, EventKind::Unknown) => {
                "unknown event code " code { (visible(event.reason.as_deref().unwrap_or_default())) }
            }
            (_, _, _) => { "not decodable: " (visible(event.reason.as_deref().unwrap_or_default())) }
        }
    }
}

/// Shows the submission or file of an event.
fn resource(event: &Event) -> Markup {
    html! {
        @if let Some(id) = &event.resource_id {
            @if event.kind == EventKind::Submission {
                a href={ "/submissions/" (segment(id)) } { "submission" }
            } @else {
                "file"
            }
            " " (identifier(id))
        }
    }
}
