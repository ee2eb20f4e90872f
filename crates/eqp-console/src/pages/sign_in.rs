//! Signing in and out: `/sign-in` and `/sign-out`.
//!
//! A user signs in with a token, or with the code of a link that `eqp token link` has printed. The code is in the fragment of the link, which
//! browsers do not send: the script of the page sends it in the form, and without scripts the user pastes it. A program that only
//! fetches the link, such as the preview of a chat, therefore does not use it up.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use eqp_store::internal::{NewAuditEntry, audit, operator_session, within};
use eqp_tls::Source;
use eqp_types::Secret;
use http::StatusCode;
use http::header::SET_COOKIE;
use maud::{Markup, html};
use serde::Deserialize;

use super::context::{Done, PageContext, Visit};
use super::form::{NoFields, PostedForm, SECRET};
use super::layout;
use super::origin::{Scheme, checked_origin};
use super::query::PageQuery;
use super::state::PagesState;
use crate::authenticate::{DEADLINE, known_scopes, principal, session_principal, source_of};
use crate::principal::{Principal, Scope};
use crate::problem::{Problem, ProblemCode};
use crate::token::{NewSecret, PresentedSecret, SecretKind};

/// The path of the page.
pub(super) const PATH: &str = "/sign-in";
/// The path of the form that signs out.
pub(super) const OUT: &str = "/sign-out";
/// The field with the path to go to afterwards.
const NEXT: &str = "next";

pub(super) fn routes() -> Router<PagesState> {
    Router::new().route(PATH, get(show).post(sign_in)).route(OUT, post(sign_out))
}

/// The values of a form with a secret, which needs no session.
#[derive(Clone)]
pub(super) struct SignInForm(pub(super) Vec<(String, String)>);

impl SignInForm {
    /// Returns the first value with this name.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A session that has just begun.
pub(super) struct NewSession {
    pub(super) secret: Secret,
    pub(super) principal: Principal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Destination {
    next: Option<String>,
}

async fn show(
    Extension(visit): Extension<Visit>,
    page: Option<Extension<PageContext>>,
    PageQuery(to): PageQuery<Destination>,
) -> Response {
    let next = to.next.as_deref().filter(|next| is_local(next));
    if let Some(Extension(page)) = page {
        let main = html! {
            p { "You have signed in as " (page.principal) ". " a href=(next.unwrap_or("/")) { "Continue" } }
            (fields(PATH, next, &[], "Sign in as another user", false))
        };
        return layout::page(&page, layout::Title::new("Sign in"), main);
    }
    let said = visit.has_signed_out().then(|| Done::SignedOut.sentence());
    let main = html! {
        @if let Some(said) = said { p.done role="status" { (said) } }
        (fields(PATH, next, &[], "Sign in", true))
        (help())
    };
    layout::bare(&visit, StatusCode::OK, "Sign in", &main)
}

async fn sign_in(
    State(state): State<PagesState>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Result<Response, Problem> {
    let (scheme, source) = (checked_origin(request.headers())?, source_of(&request));
    let form = request.extensions().get::<SignInForm>().ok_or_else(|| Problem::new(ProblemCode::MethodNotAllowed))?;
    let next = form.value(NEXT).filter(|next| is_local(next));
    let secret = form.value(SECRET).unwrap_or_default();
    let session = match begin(&state, secret, source).await {
        Ok(session) => session,
        Err(problem) if is_about_secret(&problem) => return Ok(again(&visit, PATH, next, &[], &problem)),
        Err(problem) => return Err(problem),
    };
    let names = state.session_cookie().await?;
    // A session that was signed in before ends, so that nobody can prepare one.
    if let Some(old) = names.presented(request.headers())
        && session_principal(&state.store, &old.secret).await?.is_some()
    {
        end(&state, old.secret.id, &session.principal).await?;
    }
    let mut response = Redirect::to(next.unwrap_or("/")).into_response();
    response.headers_mut().insert(SET_COOKIE, names.set(&session.secret, scheme == Scheme::Https));
    Ok(response)
}

/// Begins a session for a token or a code.
pub(super) async fn begin(state: &PagesState, secret: &str, source: Source) -> Result<NewSession, Problem> {
    let secret = secret.trim();
    // The whole link may have been pasted.
    let secret = secret.rsplit_once('#').map_or(secret, |(_, code)| code);
    let failed = || state.authenticator.failed(source);
    let new = NewSecret::generate()?;
    let mut transaction;
    let (token, with) = if let Some(code) = PresentedSecret::parse(SecretKind::Code, secret) {
        transaction = within(DEADLINE, state.store.pool().begin()).await?;
        let redeemed = within(DEADLINE, operator_session::redeem_code(&mut transaction, code.id)).await?;
        // Otherwise, the transaction is rolled back, and the code can still be used.
        let redeemed = redeemed.filter(|redeemed| code.matches(&redeemed.hash));
        (redeemed.ok_or_else(failed)?.token_id, "code")
    } else {
        let presented = PresentedSecret::parse(SecretKind::Token, secret).ok_or_else(failed)?;
        let known = principal(&state.store, &presented).await?;
        let token = known.as_ref().and_then(Principal::token).ok_or_else(failed)?;
        transaction = within(DEADLINE, state.store.pool().begin()).await?;
        (token, "token")
    };
    let hash = new.hash();
    let created = within(DEADLINE, operator_session::insert(&mut transaction, token, &hash)).await?;
    let found = within(DEADLINE, operator_session::valid(&mut *transaction, created.id)).await?;
    let session = found.ok_or_else(failed)?;
    let secret = new.text(SecretKind::Session, created.id);
    let scopes = known_scopes(&session.scopes);
    let principal = Principal::Session { id: created.id, token, name: session.name, scopes };
    if !principal.has(Scope::Read) {
        return Err(Problem::new(ProblemCode::Forbidden).detail("the pages require the scope read"));
    }
    let (who, detail) = (principal.to_string(), serde_json::json!({ "session": created.id, "with": with }).to_string());
    let entry = NewAuditEntry { principal: &who, action: "session.begin", resource: None, detail: &detail };
    within(DEADLINE, audit::record(&mut transaction, entry)).await?;
    within(DEADLINE, transaction.commit()).await?;
    Ok(NewSession { secret, principal })
}

async fn sign_out(
    State(state): State<PagesState>,
    page: PageContext,
    form: PostedForm,
    request: Request,
) -> Result<Response, Problem> {
    if let Err(redisplay) = form.accept::<NoFields>(&page) {
        let page = page.showing(redisplay);
        return Ok(layout::page(&page, layout::Title::new("Sign out"), html! { p { "You are still signed in." } }));
    }
    if let Principal::Session { id, .. } = &page.principal {
        end(&state, *id, &page.principal).await?;
    }
    let scheme = checked_origin(request.headers())?;
    let names = state.session_cookie().await?;
    let mut response = Redirect::to("/sign-in?done=signed_out").into_response();
    response.headers_mut().insert(SET_COOKIE, names.delete(scheme == Scheme::Https));
    Ok(response)
}

pub(super) async fn end(state: &PagesState, session: i64, by: &Principal) -> Result<(), Problem> {
    let mut transaction = within(DEADLINE, state.store.pool().begin()).await?;
    if within(DEADLINE, operator_session::end(&mut transaction, session)).await? {
        let (who, detail) = (by.to_string(), serde_json::json!({ "session": session }).to_string());
        let entry = NewAuditEntry { principal: &who, action: "session.end", resource: None, detail: &detail };
        within(DEADLINE, audit::record(&mut transaction, entry)).await?;
        within(DEADLINE, transaction.commit()).await?;
    }
    Ok(())
}

/// Returns whether a problem is one of the token or code, which the user can correct.
pub(super) fn is_about_secret(problem: &Problem) -> bool {
    matches!(problem.code, ProblemCode::Unauthenticated | ProblemCode::TooManyAttempts | ProblemCode::Forbidden)
}

/// Shows the form again after a problem, or because a session has ended. `kept` are the values of the form that was sent to `action`.
pub(super) fn again(
    visit: &Visit,
    action: &str,
    next: Option<&str>,
    kept: &[(String, String)],
    problem: &Problem,
) -> Response {
    let message = match problem.code {
        ProblemCode::TooManyAttempts => "Too many failed attempts from your address. Wait a minute, then try again.",
        ProblemCode::Forbidden => "This token does not have the scope read, which the pages require.",
        _ => "This token or code is not valid. A code can be used once, within 5 minutes.",
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNAUTHORIZED);
    let main = html! {
        div.summary role="alert" {
            h2 { "Not signed in" }
            ul { li { a href="#secret" { (message) } } }
        }
        (fields(action, next, kept, "Sign in", false))
        (help())
    };
    let mut response = layout::bare(visit, status, "Sign in", &main);
    if let Some(wait) = problem.retry_after {
        response.headers_mut().insert(http::header::RETRY_AFTER, wait.into());
    }
    response
}

/// Shows the form to a user whose session ended before the form `action` was sent. Its values are sent with it, and shown afterwards.
pub(super) fn keeping(visit: &Visit, action: &str, kept: &[(String, String)]) -> Response {
    let main = html! {
        p { "Your session has ended. Nothing was changed. Sign in again; the form is then shown with your input, so that you can send it." }
        (fields(action, None, kept, "Sign in", false))
        (help())
    };
    layout::bare(visit, StatusCode::UNAUTHORIZED, "Sign in again", &main)
}

/// Shows the form. The script sends the code of a link only if `is_automatic`: not instead of the user of another session.
fn fields(action: &str, next: Option<&str>, kept: &[(String, String)], submit: &str, is_automatic: bool) -> Markup {
    html! {
        form.sign-in method="post" action=(action) data-sign-in[is_automatic] {
            @if let Some(next) = next { input type="hidden" name=(NEXT) value=(next); }
            @for (name, value) in kept { input type="hidden" name=(name) value=(value); }
            div.field {
                label for="secret" { "Token, sign-in link, or code of a sign-in link" }
                input id="secret" type="password" name=(SECRET) autocomplete="current-password" required;
            }
            button type="submit" { (submit) }
        }
    }
}

fn help() -> Markup {
    html! {
        p {
            "On the server, " code { "eqp token create NAME --scope read,operate" } " creates a token, and "
            code { "eqp token link NAME" } " prints a link that signs you in once."
        }
    }
}

/// Returns whether a path leads to a page of this server.
fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && path.parse::<http::Uri>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_only_sent_to_pages_of_this_server() {
        for (path, expected) in [
            ("/", true),
            ("/events?kind=file", true),
            ("//evil.example.com", false),
            ("/\\evil.example.com", false),
            ("https://evil.example.com", false),
            ("/\r\nx: y", false),
            ("", false),
        ] {
            assert_eq!(is_local(path), expected, "{path}");
        }
    }
}
