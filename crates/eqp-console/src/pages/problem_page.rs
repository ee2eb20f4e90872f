//! Problems as pages.

use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::{ALLOW, RETRY_AFTER};
use maud::{Markup, html};

use super::context::{PageContext, Visit};
use super::kept_form::KeptForm;
use super::layout::{self, STREAM, Title};
use super::parts::moment;
use super::state::{PagesState, SHARED};
use crate::problem::{Problem, ProblemCode};

/// Shows the problem that a handler has returned as a page, with the form that was sent if it can be sent again. Other responses are not
/// changed.
pub(super) fn shown(
    state: &PagesState,
    visit: &Visit,
    page: Option<&PageContext>,
    kept: Option<&KeptForm>,
    mut response: Response,
) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    if problem.code == ProblemCode::Unauthenticated && visit.uri.path() == STREAM {
        // A stream of events cannot be redirected to a page.
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if problem.code == ProblemCode::Unauthenticated {
        return sign_in(visit);
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let heading = heading(&problem);
    let main = explanation(state, visit, kept, &problem);
    let mut shown = match page {
        Some(page) => layout::page_with_status(page, status, &Title::new(heading), &main),
        // Nothing about the installation is shown to people outside.
        None if visit.uri.path().starts_with(SHARED) => {
            let main = html! { p { "The page cannot be shown now. Try again later." } };
            layout::outside(visit, status, &Title::new(heading), &main)
        }
        None => layout::bare(visit, status, &heading, &main),
    };
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = response.headers_mut().remove(&name) {
            shown.headers_mut().insert(name, value);
        }
    }
    shown
}

/// Sends the user to the page on which to sign in, and back afterwards.
fn sign_in(visit: &Visit) -> Response {
    let next = visit.path_and_query();
    if next == "/" {
        return Redirect::to("/sign-in").into_response();
    }
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    Redirect::to(&format!("/sign-in?next={next}")).into_response()
}

/// Returns the title of a problem as a heading.
fn heading(problem: &Problem) -> String {
    let mut letters = problem.title.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn explanation(state: &PagesState, visit: &Visit, kept: Option<&KeptForm>, problem: &Problem) -> Markup {
    html! {
        @if let Some(detail) = &problem.detail { p { (super::parts::visible(detail)) } }
        @match problem.code {
            ProblemCode::DatabaseUnavailable | ProblemCode::DatabaseNotReady => {
                @match state.answered_at() {
                    Some(at) => p { "This server last received a response from the database " (moment(at, visit.now)) "." },
                    None => p { "This server has not received a response from the database since it started." },
                }
                p { "Nothing is shown, because it would be out of date. Callbacks are stored in the spool in the meantime." }
                (again(visit, kept))
            }
            ProblemCode::Busy => (again(visit, kept)),
            ProblemCode::Forbidden if problem.is_about_scope() => p { "The documentation of the operator API lists what each scope allows. " code { "eqp token create" } " creates a token." },
            ProblemCode::Internal | ProblemCode::Other | ProblemCode::DatabasePrivileges => p { "The log of the server has the details." },
            _ => p { a.button href="/" { "Go to the overview" } },
        }
    }
}

/// Shows how to repeat the request.
fn again(visit: &Visit, kept: Option<&KeptForm>) -> Markup {
    html! {
        @match kept {
            Some(kept) => (kept.shown()),
            None => p { a.button href=(visit.with(&[])) { "Try again" } },
        }
    }
}
