//! The page of one submission for people outside: `/shared`.
//!
//! A link contains its secret in the fragment, which browsers do not send: the script of the page sends it in a form, and without scripts
//! the visitor pastes it. The visitor gets a cookie with the secret, and every request checks that the link is still valid. A link can be
//! opened many times.

mod link;
mod view;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::StatusCode;
use http::header::SET_COOKIE;
use maud::html;

use self::link::{Checked, check};
use super::context::Visit;
use super::form::SECRET;
use super::layout;
use super::origin::{Scheme, checked_origin};
use super::sign_in::SignInForm;
use super::state::{PagesState, SHARED};
use crate::api::reviews::ReviewQuery;
use crate::api::submission_links::LONGEST;
use crate::authenticate::source_of;
use crate::client::OperatorClient;
use crate::principal::Principal;
use crate::problem::{Problem, ProblemCode};
use crate::token::{PresentedSecret, SecretKind};

/// The path of the page with the form, which is below [`SHARED`] because of the cookie.
const OPEN: &str = "/shared/open";

pub(super) fn routes() -> Router<PagesState> {
    Router::new().route(SHARED, get(show).post(open)).route(OPEN, get(ask))
}

/// Shows the submission of the link that was opened before, or asks for a link.
async fn show(
    State(state): State<PagesState>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Result<Response, Problem> {
    let names = state.link_cookie().await?;
    let Some(cookie) = names.presented(request.headers()) else { return Ok(form(&visit, StatusCode::OK, None)) };
    let link = match check(&state, &cookie.secret, source_of(&request)).await? {
        Checked::Valid(link) => link,
        refused => {
            let mut response = refusal(&visit, &refused);
            response.headers_mut().insert(SET_COOKIE, names.delete(cookie.is_secure));
            return Ok(response);
        }
    };
    // The link is the authorization, for this submission of this account only.
    let client = OperatorClient::of_router(state.api.clone(), Principal::Local);
    let query = ReviewQuery::of_account(link.environment, link.mage_id);
    let found = client.submission_reviews(&link.submission_id, &query).await?;
    let review = found.and_then(|found| found.reviews.into_iter().next());
    Ok(match review {
        Some(review) => view::page(&visit, &review.into()),
        None => refusal(&visit, &Checked::Ended),
    })
}

/// Asks for a link, also if one was opened before.
async fn ask(Extension(visit): Extension<Visit>) -> Response {
    form(&visit, StatusCode::OK, None)
}

/// Opens a link.
async fn open(
    State(state): State<PagesState>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Result<Response, Problem> {
    let (scheme, source) = (checked_origin(request.headers())?, source_of(&request));
    let form = request.extensions().get::<SignInForm>().ok_or_else(|| Problem::new(ProblemCode::MethodNotAllowed))?;
    let text = form.value(SECRET).unwrap_or_default().trim();
    // The whole link may have been pasted.
    let text = text.rsplit_once('#').map_or(text, |(_, secret)| secret);
    let checked = match PresentedSecret::parse(SecretKind::Link, text) {
        Some(secret) => check(&state, &secret, source).await?,
        None => Checked::Unknown(state.authenticator.failed(source)),
    };
    let Checked::Valid(link) = checked else { return Ok(refusal(&visit, &checked)) };
    let seconds = (link.expires_at - visit.now).whole_seconds().clamp(1, LONGEST.whole_seconds());
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    let cookie = state.link_cookie().await?.set_for(text, seconds, scheme == Scheme::Https);
    Ok(([(SET_COOKIE, cookie)], Redirect::to(SHARED)).into_response())
}

/// Says that a link cannot be used, and nothing else.
fn refusal(visit: &Visit, checked: &Checked) -> Response {
    let (status, message, wait) = match checked {
        Checked::Unknown(problem) if problem.code == ProblemCode::TooManyAttempts => {
            let message = "Too many failed attempts from your address. Wait a minute, then try again.";
            (StatusCode::TOO_MANY_REQUESTS, message, problem.retry_after)
        }
        Checked::Unknown(_) => (StatusCode::FORBIDDEN, "This link is not valid.", None),
        _ => (StatusCode::GONE, "This link is no longer valid: it has expired or was revoked.", None),
    };
    let mut response = form(visit, status, Some(message));
    if let Some(wait) = wait {
        response.headers_mut().insert(http::header::RETRY_AFTER, wait.into());
    }
    response
}

/// Shows the form for a link. The script sends the secret of a link that was opened.
fn form(visit: &Visit, status: StatusCode, message: Option<&str>) -> Response {
    let main = html! {
        @match message {
            Some(message) => p.summary role="alert" { (message) },
            None => p { "This page shows the review of one submission to people who have a link to it." },
        }
        form.sign-in method="post" action=(SHARED) data-sign-in[message.is_none()] {
            div.field {
                label for="secret" { "Link" }
                input id="secret" type="password" name=(SECRET) autocomplete="off" required;
            }
            button type="submit" { "Show the submission" }
        }
    };
    layout::bare(visit, status, "Review of a submission", &main)
}
