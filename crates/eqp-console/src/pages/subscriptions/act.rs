//! Tests, pauses and resumes a subscription.

use std::time::Duration;

use axum::response::Response;

use super::super::context::{Done, PageContext, Redisplay};
use super::super::form::{NoFields, PostedForm, carried_out};
use super::super::parts::segment;
use super::detail::detail;
use crate::api::subscriptions::SubscriptionState;
use crate::api::subscriptions::request::PauseRequest;
use crate::client::OperatorClient;
use crate::extract::PathParameters;
use crate::problem::{Problem, ProblemCode};

/// The time after which a test is not sent any more.
const TEST_WAIT: Duration = Duration::from_mins(1);

pub(super) async fn test(
    page: PageContext,
    PathParameters([name]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let redisplay = match form.accept::<NoFields>(&page) {
        Ok((NoFields {}, client)) => match client.test_subscription(&name, TEST_WAIT).await.map_err(Problem::from) {
            Ok(test) => return Ok(carried_out(&page, &format!("/deliveries/{}", test.delivery), Done::Tested)),
            Err(problem) => refused(&form, problem)?,
        },
        Err(redisplay) => redisplay,
    };
    detail(&page.showing(redisplay), &name).await
}

pub(super) async fn pause(
    page: PageContext,
    PathParameters([name]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let redisplay = match form.accept::<PauseRequest>(&page) {
        Ok((request, client)) => {
            let done = if is_paused(&client, &name).await? { Done::PausedAlready } else { Done::Paused };
            match client.pause_subscription(&name, request.reason.as_deref()).await.map_err(Problem::from) {
                Ok(_) => return Ok(carried_out(&page, &format!("/subscriptions/{}", segment(&name)), done)),
                Err(problem) => {
                    let mut redisplay = refused(&form, problem)?;
                    redisplay.field = Some("reason".to_owned());
                    redisplay
                }
            }
        }
        Err(redisplay) => redisplay,
    };
    detail(&page.showing(redisplay), &name).await
}

pub(super) async fn resume(
    page: PageContext,
    PathParameters([name]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let redisplay = match form.accept::<NoFields>(&page) {
        Ok((NoFields {}, client)) => {
            let path = format!("/subscriptions/{}", segment(&name));
            let done = if is_paused(&client, &name).await? { Done::Resumed } else { Done::NotPaused };
            match client.resume_subscription(&name).await.map_err(Problem::from) {
                Ok(_) => return Ok(carried_out(&page, &path, done)),
                Err(problem) => refused(&form, problem)?,
            }
        }
        Err(redisplay) => redisplay,
    };
    detail(&page.showing(redisplay), &name).await
}

/// Returns whether a subscription is paused, so that there is nothing to pause.
async fn is_paused(client: &OperatorClient, name: &str) -> Result<bool, Problem> {
    Ok(client.subscription(name).await?.state == SubscriptionState::Paused)
}

/// Returns the form to show again, if the user can change something about the problem.
fn refused(form: &PostedForm, problem: Problem) -> Result<Redisplay, Problem> {
    if matches!(problem.code, ProblemCode::InvalidRequest | ProblemCode::Conflict) {
        return Ok(form.rejected(&problem));
    }
    Err(problem)
}
