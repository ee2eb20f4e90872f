//! The actions of a user on an alert.

use axum::response::Response;

use super::super::context::{Done, PageContext};
use super::super::form::{PostedForm, carried_out};
use super::detail::detail;
use crate::api::alerts::model::{AlertAction, AlertDetail};
use crate::client::{OperatorClient, OperatorError};
use crate::extract::{PathParameters, whole_number};
use crate::problem::{Problem, ProblemCode};

pub(super) async fn acknowledge(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let act = async |client: OperatorClient, id, action: AlertAction| client.acknowledge_alert(id, &action).await;
    act_on(&page, &id, &form, Done::Acknowledged, act).await
}

pub(super) async fn snooze(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let act = async |client: OperatorClient, id, action: AlertAction| client.snooze_alert(id, &action).await;
    act_on(&page, &id, &form, Done::Snoozed, act).await
}

pub(super) async fn note(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let act = async |client: OperatorClient, id, action: AlertAction| client.note_alert(id, &action).await;
    act_on(&page, &id, &form, Done::Noted, act).await
}

pub(super) async fn resolve(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let act = async |client: OperatorClient, id, action: AlertAction| client.resolve_alert(id, &action).await;
    act_on(&page, &id, &form, Done::Resolved, act).await
}

/// Carries out a form and shows the alert: with what was done, or with the form again if its values were refused.
async fn act_on(
    page: &PageContext,
    id: &str,
    form: &PostedForm,
    done: Done,
    act: impl AsyncFnOnce(OperatorClient, i64, AlertAction) -> Result<AlertDetail, OperatorError>,
) -> Result<Response, Problem> {
    let id = whole_number(id, "alert")?;
    let redisplay = match form.accept::<AlertAction>(page) {
        Ok((action, client)) => match act(client, id, action).await.map_err(Problem::from) {
            Ok(_) => return Ok(carried_out(page, &format!("/alerts/{id}"), done)),
            Err(problem) if problem.code == ProblemCode::InvalidRequest || problem.code == ProblemCode::Conflict => {
                let mut redisplay = form.rejected(&problem);
                let is_about = |words: &str| problem.detail.as_ref().is_some_and(|detail| detail.starts_with(words));
                if is_about("a note") {
                    redisplay.field = Some("note".to_owned());
                } else if is_about("the name of a person") {
                    redisplay.field = Some("by".to_owned());
                }
                redisplay
            }
            Err(problem) => return Err(problem),
        },
        Err(redisplay) => redisplay,
    };
    detail(&page.showing(redisplay), id).await
}
