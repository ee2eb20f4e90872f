//! Checks every request for a page before its handler runs: the host name, the session and, of a form, its origin and its token.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use eqp_tls::Source;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method};
use subtle::ConstantTimeEq;

use super::context::{PageContext, Visit};
use super::form::{CSRF, FormState, PostedForm, SECRET};
use super::kept_form::KeptForm;
use super::origin::{Scheme, checked_origin, refused};
use super::sign_in::SignInForm;
use super::state::{PagesState, SHARED};
use super::{problem_page, sign_in};
use crate::authenticate::{session_principal, source_of};
use crate::extract::in_time;
use crate::principal::Principal;
use crate::problem::{Problem, ProblemCode};
use crate::token::{PresentedSecret, SecretKind};

/// The maximum size of a form, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// A session that a request belongs to.
struct Session {
    page: PageContext,
    is_secure: bool,
}

/// The reason why a request is not passed on to its handler.
enum Refused {
    Problem(Problem),
    /// The user has to sign in.
    SignIn(Response),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Answers a request for a page.
pub(super) async fn guard(State(state): State<PagesState>, mut request: Request, next: Next) -> Response {
    let visit = Visit::new(&request);
    request.extensions_mut().insert(visit.clone());
    let mut page = None;
    let mut cookie = None;
    let mut kept = None;
    let response = match admit(&state, &visit, request, &mut page, &mut cookie, &mut kept).await {
        Ok(request) => next.run(request).await,
        Err(Refused::Problem(problem)) => problem.into_response(),
        Err(Refused::SignIn(response)) => response,
    };
    let mut response = problem_page::shown(&state, &visit, page.as_ref(), kept.as_ref(), response);
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Returns the request with its context and form. Sets the context and the values of the form also if the request is refused, for the page
/// that reports this.
async fn admit(
    state: &PagesState,
    visit: &Visit,
    mut request: Request,
    page: &mut Option<PageContext>,
    cookie: &mut Option<HeaderValue>,
    kept: &mut Option<KeptForm>,
) -> Result<Request, Refused> {
    state.authenticator.check_host(request.headers())?;
    let session = session(state, visit, request.headers()).await;
    *page = session.as_ref().ok().and_then(Option::as_ref).map(|session| session.page.clone());
    // No page has another method than these. The router answers with those that the path has.
    if *request.method() == Method::POST {
        let (mut sent, values) = read_form(request).await?;
        let scheme = checked_origin(sent.headers())?;
        let path = visit.uri.path();
        *kept = (![sign_in::PATH, sign_in::OUT, SHARED].contains(&path)).then(|| KeptForm::new(path, &values));
        let session = session?;
        let signs_in = values.iter().any(|(name, _)| name == SECRET);
        // These two forms contain a secret themselves.
        if [sign_in::PATH, SHARED].contains(&path) {
            sent.extensions_mut().insert(SignInForm(values));
        } else if let Some(session) = session.as_ref().filter(|_| !signs_in) {
            if session.is_secure != (scheme == Scheme::Https) {
                return Err(refused("it was sent over HTTP but the session uses HTTPS, or the other way round").into());
            }
            sent.extensions_mut().insert(confirmed(visit, values, &session.page.csrf));
        } else {
            let (form, signed_in, header) = signed_in_again(state, visit, values, source_of(&sent), scheme).await?;
            // The session of another token ends, so that nobody can prepare one.
            if let Some(Principal::Session { id, .. }) = session.as_ref().map(|session| &session.page.principal) {
                sign_in::end(state, *id, &signed_in.principal).await?;
            }
            (*page, *cookie) = (Some(signed_in), Some(header));
            sent.extensions_mut().insert(form);
        }
        request = sent;
    } else {
        session?;
    }
    if let Some(page) = page.as_ref() {
        request.extensions_mut().insert(page.clone());
    }
    Ok(request)
}

/// Returns the session of a request, if its cookie belongs to one that has not ended.
async fn session(state: &PagesState, visit: &Visit, headers: &HeaderMap) -> Result<Option<Session>, Problem> {
    let names = state.session_cookie().await?;
    let Some(cookie) = names.presented(headers) else { return Ok(None) };
    // While the database is down, this fails sooner than a query would.
    drop(state.connection().await?);
    let found = session_principal(&state.store, &cookie.secret).await?;
    state.answered();
    Ok(found.map(|principal| {
        let page = PageContext::new(visit.clone(), principal, cookie.secret.csrf_token(), state.api.clone());
        Session { page, is_secure: cookie.is_secure }
    }))
}

/// Reads a form from the body of a request.
async fn read_form(request: Request) -> Result<(Request, Vec<(String, String)>), Problem> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Problem {
            title: "the body is not a form".to_owned(),
            ..Problem::new(ProblemCode::UnsupportedMediaType)
        });
    }
    let body = in_time(to_bytes(body, MAX_FORM)).await?.map_err(|_| Problem::new(ProblemCode::TooLarge))?;
    let pairs = url::form_urlencoded::parse(&body).into_owned();
    let mut values = Vec::new();
    for (name, value) in pairs {
        if value.contains('\0') {
            return Err(Problem::invalid(format!("{name}: contains a NUL character")));
        }
        // Browsers end lines of forms with both.
        values.push((name, value.replace("\r\n", "\n")));
    }
    Ok((Request::from_parts(parts, Body::empty()), values))
}

/// Returns a form that was sent within a session, which may be carried out if it contains the token of the session.
fn confirmed(visit: &Visit, mut values: Vec<(String, String)>, csrf: &str) -> PostedForm {
    let is_valid =
        values.iter().any(|(name, value)| name == CSRF && bool::from(value.as_bytes().ct_eq(csrf.as_bytes())));
    values.retain(|(name, _)| name != CSRF);
    PostedForm::new(visit.uri.path(), values, if is_valid { FormState::Confirmed } else { FormState::Stale })
}

/// Handles a form whose session has ended: the user signs in on a page that keeps the values, and then sees the form with them.
async fn signed_in_again(
    state: &PagesState,
    visit: &Visit,
    mut values: Vec<(String, String)>,
    source: Source,
    scheme: Scheme,
) -> Result<(PostedForm, PageContext, HeaderValue), Refused> {
    let path = visit.uri.path();
    if path == sign_in::OUT {
        return Err(Refused::SignIn(Redirect::to(sign_in::PATH).into_response()));
    }
    let secret = values.iter().find(|(name, _)| name == SECRET).map(|(_, value)| value.clone());
    values.retain(|(name, _)| name != CSRF && name != SECRET);
    let Some(secret) = secret else { return Err(Refused::SignIn(sign_in::keeping(visit, path, &values))) };
    let session = match sign_in::begin(state, &secret, source).await {
        Ok(session) => session,
        Err(problem) if sign_in::is_about_secret(&problem) => {
            return Err(Refused::SignIn(sign_in::again(visit, path, None, &values, &problem)));
        }
        Err(problem) => return Err(problem.into()),
    };
    let header = state.session_cookie().await?.set(&session.secret, scheme == Scheme::Https);
    let presented = PresentedSecret::parse(SecretKind::Session, session.secret.expose());
    let csrf = presented.map(|session| session.csrf_token()).unwrap_or_default();
    let page = PageContext::new(visit.clone(), session.principal, csrf, state.api.clone());
    Ok((PostedForm::new(path, values, FormState::SignedInAgain), page, header))
}
