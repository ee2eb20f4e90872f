//! Authenticates requests from the network by their token, and checks what applies to all of them.

mod failures;
mod host;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use eqp_store::Store;
use eqp_store::internal::{operator_session, operator_token, within};
use eqp_tls::Source;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::Instant;

use self::failures::FailureLimiter;
pub(crate) use self::host::AllowedHosts;
pub use self::host::check_hosts_of_metrics;
use crate::principal::{Principal, Scope};
use crate::problem::{Problem, ProblemCode};
use crate::token::{PresentedSecret, SecretKind};

/// The time limit for looking up a token: an outage of the database should be answered while the caller still waits.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The address that a request came from, as the listener reports it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub(crate) IpAddr);

/// Checks the tokens of requests from the network.
#[derive(Clone, Debug)]
pub(crate) struct Authenticator {
    store: Store,
    hosts: AllowedHosts,
    failures: Arc<FailureLimiter>,
}

/// Returns the address that a request came from, for limiting failures.
pub(crate) fn source_of(request: &Request) -> Source {
    // Without a listener of this crate, all callers count as one source.
    let peer = request.extensions().get::<PeerAddress>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
    Source::from(peer)
}

impl Authenticator {
    pub(crate) fn new(store: Store, hosts: AllowedHosts) -> Self {
        Self { store, hosts, failures: Arc::default() }
    }

    async fn principal(&self, headers: &HeaderMap, source: Source) -> Result<Principal, Problem> {
        let presented = match token_of(headers) {
            Ok(presented) => presented,
            Err(TokenError::Missing) => return Err(Problem::new(ProblemCode::Unauthenticated)),
            Err(TokenError::Malformed) => return Err(self.failed(source)),
        };
        match principal(&self.store, &presented).await? {
            Some(principal) => Ok(principal),
            None => Err(self.failed(source)),
        }
    }

    /// Checks the host name that a request names.
    pub(crate) fn check_host(&self, headers: &HeaderMap) -> Result<(), Problem> {
        self.hosts.check(headers)
    }

    /// Counts a failure. A source with too many is answered 429 instead of 401. Valid tokens are never rejected, because all
    /// callers may share the address of one proxy.
    pub(crate) fn failed(&self, source: Source) -> Problem {
        match self.failures.count(source, Instant::now()) {
            None => Problem::new(ProblemCode::Unauthenticated),
            Some(wait) => Problem::new(ProblemCode::TooManyAttempts).retry_after(wait),
        }
    }
}

/// Returns the principal of a token, or `None` if it is unknown, expired or revoked.
pub(crate) async fn principal(
    store: &Store,
    presented: &PresentedSecret,
) -> Result<Option<Principal>, eqp_store::Error> {
    let found = within(DEADLINE, operator_token::valid(store.pool(), presented.id)).await?;
    let Some(token) = found.filter(|token| presented.matches(&token.hash)) else { return Ok(None) };
    record_use(store, presented.id).await;
    Ok(Some(Principal::Token { id: presented.id, name: token.name, scopes: known_scopes(&token.scopes) }))
}

/// Returns the principal of a session, or `None` if it is unknown or has ended, also with its token.
pub(crate) async fn session_principal(
    store: &Store,
    presented: &PresentedSecret,
) -> Result<Option<Principal>, eqp_store::Error> {
    let found = within(DEADLINE, operator_session::valid(store.pool(), presented.id)).await?;
    let Some(session) = found.filter(|session| presented.matches(&session.hash)) else { return Ok(None) };
    record_use(store, session.token).await;
    let scopes = known_scopes(&session.scopes);
    Ok(Some(Principal::Session { id: presented.id, token: session.token, name: session.name, scopes }))
}

/// Returns the scopes of this version. One of a newer version allows nothing here.
pub(crate) fn known_scopes(scopes: &[String]) -> Vec<Scope> {
    scopes.iter().filter_map(|scope| scope.parse().ok()).collect()
}

/// Records the use of a token. This is not essential, and a standby cannot do it.
async fn record_use(store: &Store, token: i64) {
    if let Err(error) = within(DEADLINE, operator_token::record_use(store.pool(), token)).await {
        tracing::debug!(%error, token, "cannot record the use of a token");
    }
}

enum TokenError {
    Missing,
    Malformed,
}

/// Returns the token in the headers. Two headers are an error, because a proxy may have checked the other one.
fn token_of(headers: &HeaderMap) -> Result<PresentedSecret, TokenError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(TokenError::Missing) };
    if values.next().is_some() {
        return Err(TokenError::Malformed);
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(TokenError::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::Malformed);
    }
    PresentedSecret::parse(SecretKind::Token, token.trim()).ok_or(TokenError::Malformed)
}

/// Answers a request from the network.
pub(crate) async fn authenticate(
    State(authenticator): State<Authenticator>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match check(&authenticator, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn check(authenticator: &Authenticator, request: &mut Request) -> Result<(), Problem> {
    authenticator.hosts.check(request.headers())?;
    let principal = authenticator.principal(request.headers(), source_of(request)).await?;
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE) && has_body(request.headers()) {
        return Err(Problem::invalid(format!("a {} request has no body", request.method())));
    }
    request.extensions_mut().insert(principal);
    Ok(())
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}
