//! Delivers an event again: a plan, and then the confirmation of exactly this plan.

use axum::response::Response;
use eqp_deliver::ReplaySelection;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::context::{Done, PageContext};
use super::super::form::{PostedForm, carried_out, form};
use super::super::layout::{self, Title};
use super::super::parts::{counted, visible};
use super::detail::detail;
use crate::api::replays::{PlannedReplay, ReplayRequest};
use crate::extract::{PathParameters, whole_number};
use crate::problem::{Problem, ProblemCode};

/// The form of the plan, and that of the confirmation, which also contains the plan.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayForm {
    to: Option<String>,
    up_to_seq: Option<i64>,
    expected_deliveries: Option<u64>,
}

pub(super) async fn replay(
    page: PageContext,
    PathParameters([seq]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let seq = whole_number(&seq, "event")?;
    let (values, client) = match form.accept::<ReplayForm>(&page) {
        Ok(accepted) => accepted,
        Err(redisplay) => return detail(&page.showing(redisplay), seq).await,
    };
    let mut request = ReplayRequest::new(ReplaySelection::of_events([seq]));
    (request.to, request.up_to_seq) = (values.to, values.up_to_seq);
    request.expected_deliveries = values.expected_deliveries;
    let refused = if request.expected_deliveries.is_some() {
        match client.create_replay(&request).await.map_err(Problem::from) {
            Ok(replay) => return Ok(carried_out(&page, &format!("/replays/{}", replay.id), Done::Replayed)),
            Err(problem) => problem,
        }
    } else {
        match client.plan_replay(&request).await.map_err(Problem::from) {
            Ok(plan) => return Ok(confirm(&page, seq, request.to.as_deref(), &plan)),
            Err(problem) => problem,
        }
    };
    if refused.code == ProblemCode::Conflict || refused.code == ProblemCode::InvalidRequest {
        return detail(&page.showing(form.rejected(&refused)), seq).await;
    }
    Err(refused)
}

fn confirm(page: &PageContext, seq: i64, to: Option<&str>, plan: &PlannedReplay) -> Response {
    let title = Title::new(format!("Deliver event {seq} again?")).tab(format!("Replay · event {seq}"));
    layout::page(page, title, planned(page, seq, to, plan))
}

fn planned(page: &PageContext, seq: i64, to: Option<&str>, plan: &PlannedReplay) -> Markup {
    let back = format!("/events/{seq}");
    if plan.deliveries == 0 {
        return html! {
            p { "Nothing would be delivered: no subscription receives this event." }
            (fetched(plan))
            p { a.button.quiet href=(back) { "Back to the event" } }
        };
    }
    html! {
        p { "This creates " (counted(plan.deliveries, "delivery")) ", outside of the order of other events:" }
        ul {
            @for one in &plan.subscriptions {
                li {
                    (visible(&one.name)) ": " (counted(one.deliveries, "delivery"))
                    @if one.paused { ", which is paused and receives it after it is resumed" }
                }
            }
        }
        (fetched(plan))
        (form(page, &format!("/events/{seq}/replay"), |form| html! {
            @if let Some(to) = to { (form.hidden("to", to)) }
            (form.hidden("up_to_seq", &plan.up_to_seq.to_string()))
            (form.hidden("expected_deliveries", &plan.deliveries.to_string()))
            div.actions {
                (form.submit("Deliver again"))
                a.button.quiet href=(back) { "Cancel" }
            }
        }))
    }
}

/// Names the subscriptions that are omitted, and the reason.
fn fetched(plan: &PlannedReplay) -> Markup {
    html! {
        @if !plan.fetched.is_empty() {
            p.hint {
                "Not to " (visible(&plan.fetched.join(", "))) ": consumers fetch these messages, and one that fetches nothing would hold up \
                 the replay. Enter the name of the subscription to replay to it."
            }
        }
    }
}
