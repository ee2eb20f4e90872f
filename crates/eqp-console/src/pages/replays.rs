//! One replay: `/replays/{id}`.

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use eqp_deliver::ReplayState;
use maud::html;

use super::context::{Done, PageContext};
use super::form::{NoFields, PostedForm, carried_out, form};
use super::layout::{self, Live, Title};
use super::parts::{identifier, moment, visible};
use super::state::PagesState;
use crate::extract::{PathParameters, whole_number};
use crate::principal::Scope;
use crate::problem::{Problem, ProblemCode};

pub(super) fn routes() -> Router<PagesState> {
    Router::new().route("/replays/{id}", get(show)).route("/replays/{id}/cancel", post(cancel))
}

async fn show(page: PageContext, PathParameters([id]): PathParameters<1>) -> Result<Response, Problem> {
    replay(&page, whole_number(&id, "replay")?).await
}

async fn replay(page: &PageContext, id: i64) -> Result<Response, Problem> {
    let replay = page.client().replay(id).await?;
    let state = match replay.state {
        ReplayState::Running => "running",
        ReplayState::Finished => "finished",
        ReplayState::Cancelled => "cancelled",
        _ => "in a state of a newer version",
    };
    let summary = format!("{state} {} {} {} {}", replay.created, replay.waiting, replay.dead, replay.ended);
    let title =
        Title::new(format!("Replay {id}: {state}")).tab(format!("{state} · Replay {id}")).live(Live::Changes(summary));
    let to = replay.to.as_deref().unwrap_or("every subscription whose filter the events match");
    let main = html! {
        dl {
            dt { "Replay" } dd { (identifier(&id.to_string())) }
            dt { "To" } dd { (visible(to)) }
            dt { "Requested" } dd { (moment(replay.requested_at, page.now())) " by " (visible(&replay.requested_by)) }
            @if let Some(at) = replay.cancelled_at { dt { "Cancelled" } dd { (moment(at, page.now())) } }
            dt { "Planned" } dd { (replay.planned) }
            dt { "Created" } dd { (replay.created) @if replay.complete { " (all)" } }
            dt { "Waiting" } dd { (replay.waiting) @if replay.retrying > 0 { ", of which " (replay.retrying) " have failed before" } }
            dt { "Dead" } dd { (replay.dead) }
            dt { "Ended" } dd { (replay.ended) }
            @if replay.discarded > 0 { dt { "Discarded" } dd { (replay.discarded) } }
        }
        p { a.button.quiet href={ "/deliveries?replay=" (id) } { "Its deliveries" } }
        @if page.may(Scope::Operate) && replay.state == ReplayState::Running {
            (form(page, &format!("/replays/{id}/cancel"), |form| html! {
                p.hint { "Its waiting deliveries are discarded." }
                (form.submit("Cancel the replay"))
            }))
        }
    };
    Ok(layout::page(page, title, main))
}

async fn cancel(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let id = whole_number(&id, "replay")?;
    let redisplay = match form.accept::<NoFields>(&page) {
        Ok((NoFields {}, client)) => match client.cancel_replay(id).await.map_err(Problem::from) {
            Ok(_) => return Ok(carried_out(&page, &format!("/replays/{id}"), Done::ReplayCancelled)),
            Err(problem) if problem.code == ProblemCode::Conflict => form.rejected(&problem),
            Err(problem) => return Err(problem),
        },
        Err(redisplay) => redisplay,
    };
    replay(&page.showing(redisplay), id).await
}
