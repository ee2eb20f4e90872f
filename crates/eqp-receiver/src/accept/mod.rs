//! Accepts callbacks: authenticates the request, reads the body within limits, makes it durable and answers.
//!
//! The result of each step is a type that only that step can create, so that no step can be skipped: [`authenticate::Authenticated`], [`body::Received`],
//! [`writer::Accepted`].

mod answer;
mod auth_failures;
mod authenticate;
pub(crate) mod basic;
mod body;
mod budget;
mod forwarded;
mod peer;
mod readiness;
mod request_id;
mod route;
pub(crate) mod syntax;
pub(crate) mod writer;

#[cfg(feature = "listener")]
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use http::header::USER_AGENT;
use http::{HeaderMap, Request};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use self::auth_failures::{AuthFailureLimiter, Decision};
use self::budget::Budget;
use self::peer::Peer;
#[cfg(feature = "listener")]
pub(crate) use self::readiness::CertificateNote;
use self::readiness::Readiness;
use self::request_id::RequestId;
use self::route::Route;
use crate::endpoint::credential_cache::CredentialCache;
use crate::endpoint::credential_index::Principal;
use crate::results::{Refusal, RequestResult};
use crate::spool::Level;
use crate::{Limits, Metrics};
use eqp_store::internal::{PREFIX, TRIGGER_AGENT};
use eqp_tls::Source;
#[cfg(feature = "listener")]
use eqp_tls::listener::{self, Answer, TarpitDelay};

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Acceptor(Arc<Shared>);

struct Shared {
    credentials: CredentialCache,
    writer: writer::WriterHandle,
    limits: Limits,
    behind_proxy: bool,
    metrics: Metrics,
    /// The memory for bodies in flight.
    budget: Budget,
    auth_failures: Mutex<AuthFailureLimiter>,
    /// The time at which a path that is not the registered one was last logged.
    mismatch_logged_at: Mutex<Option<Instant>>,
    certificate: readiness::CertificateNote,
}

/// The paths that belong to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PathScope {
    #[cfg(feature = "listener")]
    /// All paths: the receiver has its own listener.
    All,
    /// The common prefix and the registered paths. Other paths belong to the embedding service.
    OwnPaths,
}

/// The delay of a response. With the feature `listener`, the type of the listener is used instead.
#[cfg(not(feature = "listener"))]
#[derive(Clone, Copy)]
struct TarpitDelay(Duration);

/// The minimum time between two log lines about a path that is not the registered one.
const MISMATCH_LOG_PERIOD: Duration = Duration::from_mins(1);

impl Acceptor {
    pub(crate) fn new(
        credentials: CredentialCache,
        writer: writer::WriterHandle,
        limits: Limits,
        behind_proxy: bool,
        metrics: Metrics,
    ) -> Self {
        let budget = Budget::new(limits.bytes_in_flight);
        let auth_failures = Mutex::new(AuthFailureLimiter::new());
        Self(Arc::new(Shared {
            credentials,
            writer,
            limits,
            behind_proxy,
            metrics,
            budget,
            auth_failures,
            mismatch_logged_at: Mutex::new(None),
            certificate: readiness::CertificateNote::default(),
        }))
    }

    /// Returns a router for an embedding service. It accepts callbacks at every path, and answers anything else 404 at paths
    /// that do not belong to the receiver.
    pub(crate) fn router(self) -> axum::Router {
        axum::Router::new().fallback(answer_request).with_state(self)
    }

    /// Answers `/healthz`.
    pub(crate) fn alive() -> Response {
        answer::alive()
    }

    /// Answers `/readyz` of a process that does not accept callbacks.
    pub(crate) fn worker_ready(is_database_available: bool) -> Response {
        let unavailable = readiness::Readiness::NotReady("the database is unavailable");
        answer::ready(if is_database_available { readiness::Readiness::Ready } else { unavailable }, None)
    }

    /// Answers `/readyz`.
    pub(crate) fn ready(&self) -> Response {
        answer::ready(self.0.writer.readiness(), self.0.certificate.get().as_deref())
    }

    /// Returns what is in the spool, if there is one.
    pub(crate) fn spooled(&self) -> Option<Level> {
        self.0.writer.spooled()
    }

    /// Returns the certificate note, which `/readyz` shows. The certificate watch sets it.
    #[cfg(feature = "listener")]
    pub(crate) fn certificate_note(&self) -> CertificateNote {
        self.0.certificate.clone()
    }

    #[cfg(feature = "metrics")]
    /// Sets the gauges that are read on demand.
    pub(crate) fn observe(&self, metrics: &Metrics) {
        let Shared { credentials, writer, .. } = &*self.0;
        metrics.writer(writer.queued(), !matches!(writer.readiness(), Readiness::NotReady(_)));
        let Level { callbacks, bytes, oldest, quarantined } = writer.spooled().unwrap_or_default();
        metrics.spool(callbacks, bytes, oldest);
        metrics.quarantine(quarantined);
        let index = credentials.index();
        let last =
            index.principals().filter_map(|principal| Some((principal.endpoint_name.clone(), principal.usage.last()?)));
        metrics.last_callbacks(last);
    }

    async fn respond(self, peer: Peer, request: Request<Body>, scope: PathScope) -> Response {
        let shared = &*self.0;
        let path = request.uri().path();
        match route::route(request.method(), path, || shared.is_ours(scope, path)) {
            // Answered before anything is counted: behind a proxy, health checks can have the same address as an attacker.
            Route::Alive => Self::alive(),
            Route::Ready => self.ready(),
            Route::Callback => {
                let begun = Instant::now();
                let id = RequestId::of(request.headers(), shared.behind_proxy);
                match accept(shared, &peer, request, scope, &id).await {
                    Ok((result, mut response)) => {
                        shared.metrics.answered(result, begun.elapsed());
                        id.add_to(&mut response);
                        response
                    }
                    Err(refused) => shared.refused(refused, id, begun.elapsed()),
                }
            }
            Route::WrongMethod => {
                let source = shared.source(request.headers(), &peer);
                let id = RequestId::of(request.headers(), shared.behind_proxy);
                let refused = shared.counted(Refusal::WrongMethod, source.into(), &id);
                shared.refused(refused, id, Duration::ZERO)
            }
            // Requests to the embedding service's own paths are not counted.
            Route::Nothing => answer::refused(Refusal::NotFound),
        }
    }
}

impl PathScope {
    fn is_all(self) -> bool {
        match self {
            #[cfg(feature = "listener")]
            Self::All => true,
            Self::OwnPaths => false,
        }
    }
}

#[cfg(feature = "listener")]
impl Answer for Acceptor {
    type Error = Infallible;

    fn answer(
        &self,
        peer: listener::Peer,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + 'static {
        let response = self.clone().respond(peer.into(), request, PathScope::All);
        async { Ok(response.await) }
    }
}

async fn answer_request(State(acceptor): State<Acceptor>, request: Request<Body>) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    let mut response = acceptor.respond(Peer::embedded(address), request, PathScope::OwnPaths).await;
    if let Some(TarpitDelay(delay)) = response.extensions_mut().remove() {
        sleep(delay).await;
    }
    response
}

/// A refusal, with the delay of its response.
struct Refused {
    refusal: Refusal,
    delay: Duration,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, delay: Duration::ZERO }
    }
}

async fn accept(
    shared: &Shared,
    peer: &Peer,
    request: Request<Body>,
    scope: PathScope,
    id: &RequestId,
) -> Result<(RequestResult, Response), Refused> {
    let (head, body) = request.into_parts();
    let source = shared.source(&head.headers, peer);
    let may_refresh = || !shared.limiter().is_limited(source.into(), Instant::now());
    let is_ours = || shared.is_ours(scope, head.uri.path());
    let on_known_username = |endpoint: &str| {
        shared.metrics.observer().reconcile_requests().request(endpoint);
        shared.credentials.rejections().count(endpoint, OffsetDateTime::now_utc());
    };
    let authenticating =
        authenticate::authenticate(&shared.credentials, &head, may_refresh, is_ours, on_known_username);
    let authenticated = match authenticating.await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return Err(shared.counted(refusal, source.into(), id)),
    };
    peer.receives().await;
    let Shared { limits, budget, .. } = shared;
    let callback_id = id.callback_id();
    let mut received = body::receive(&authenticated, callback_id, &head.headers, source, body, limits, budget).await?;
    peer.stores();
    let target = authenticate::target(&head);
    let is_mismatch = !authenticated.principal().registered.is_exactly(target);
    if is_mismatch {
        received.row.note_target(target);
    }
    let bytes = received.body();
    let received_at = received.row.received_at;
    let enqueued = shared.writer.enqueue(received)?;
    // Checked while the write runs, because a body that is not JSON is stored as well.
    let syntax = syntax::check(&bytes, &head.headers);
    let accepted = enqueued.accepted().await?;
    if !is_triggered(&head.headers) {
        authenticated.principal().usage.record(received_at);
    }
    let endpoint = &authenticated.principal().endpoint_name;
    tracing::debug!(callback_id = %accepted.id(), request_id = %id, endpoint, "stored callback");
    if is_mismatch {
        shared.log_path_mismatch(authenticated.principal(), head.uri.path(), id);
    }
    let result = match syntax {
        _ if authenticated.principal().is_canary() => RequestResult::Canary,
        Ok(()) => RequestResult::Stored,
        Err(_) => RequestResult::StoredInvalidJson,
    };
    Ok((result, answer::accepted(&accepted, syntax)))
}

/// Returns whether `eqp trigger` sent a callback. It does not show that the Marketplace uses the credential.
fn is_triggered(headers: &HeaderMap) -> bool {
    headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes() == TRIGGER_AGENT.as_bytes())
}

impl Shared {
    /// Counts a request without a valid credential against its source. A source with too many is answered 429 instead of
    /// 401, and with a delay.
    fn counted(&self, refusal: Refusal, source: Source, id: &RequestId) -> Refused {
        let decision = self.limiter().count(source, Instant::now());
        let (wait, delay) = match decision {
            Decision::Allowed => return refusal.into(),
            Decision::LimitReached(wait) => {
                tracing::warn!(%source, request_id = %id, "too many requests without a valid credential, delaying further ones");
                (wait, Duration::ZERO)
            }
            Decision::Limited { wait, delay } => (wait, delay),
        };
        let refusal = if refusal == Refusal::Unauthorized { Refusal::TooManyFailures(wait) } else { refusal };
        Refused { refusal, delay }
    }

    fn refused(&self, Refused { refusal, delay }: Refused, id: RequestId, after: Duration) -> Response {
        self.metrics.answered(RequestResult::Refused(refusal), after);
        tracing::debug!(request_id = %id, reason = ?refusal, "rejected request");
        let mut response = answer::refused(refusal);
        id.add_to(&mut response);
        if !delay.is_zero() {
            response.extensions_mut().insert(TarpitDelay(delay));
        }
        response
    }

    /// Returns the source of a request: the peer, or the address that the proxy in front reports.
    fn source(&self, headers: &HeaderMap, peer: &Peer) -> IpAddr {
        let forwarded = if self.behind_proxy { forwarded::client(headers) } else { None };
        let source = forwarded.or(peer.address());
        source.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.to_canonical())
    }

    fn is_ours(&self, scope: PathScope, path: &str) -> bool {
        scope.is_all() || path.starts_with(PREFIX) || self.credentials.covers(path)
    }

    /// Counts a callback that arrived at another path or query than registered. The query, which may contain a secret, is
    /// not logged.
    fn log_path_mismatch(&self, principal: &Principal, path: &str, id: &RequestId) {
        self.metrics.path_mismatch();
        let now = Instant::now();
        let mut logged = self.mismatch_logged_at.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|logged| now.saturating_duration_since(logged) >= MISMATCH_LOG_PERIOD) {
            *logged = Some(now);
            tracing::warn!(
                endpoint = principal.endpoint_name,
                request_id = %id,
                registered = principal.registered.path(),
                arrived = path,
                "callback arrived at another path or query than registered, storing it under the endpoint of its credential; \
                 check whether a proxy rewrites URLs"
            );
        }
    }

    fn limiter(&self) -> MutexGuard<'_, AuthFailureLimiter> {
        // No code under the lock can panic halfway, so a poisoned lock is still consistent.
        self.auth_failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
