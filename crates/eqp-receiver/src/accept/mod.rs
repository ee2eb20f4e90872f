//! All that the sender waits for: authenticate, bound, keep the bytes, make them durable, answer.
//!
//! Each step is a type that only the step before it can make: [`authenticate::Authenticated`], [`body::Received`],
//! [`lane::Accepted`].

mod answer;
mod authenticate;
pub(crate) mod basic;
mod body;
mod budget;
mod commit_failure;
mod forwarded;
pub(crate) mod lane;
mod readiness;
mod route;
pub(crate) mod syntax;
mod tries;
pub(crate) mod write;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use http::{HeaderMap, Request};
use tokio::time::{Instant, sleep};

use self::answer::Refusal;
use self::budget::Budget;
pub(crate) use self::readiness::CertificateNote;
use self::readiness::Readiness;
use self::route::Route;
use self::tries::{Counting, Tries};
use crate::endpoint::directory::Directory;
use crate::endpoint::path::PREFIX;
use crate::endpoint::roster::Caller;
use crate::metrics::Accept;
use crate::serve::{Answer, Peer, TarpitDelay};
use crate::source::Source;
use crate::spool::Level;
use crate::{Limits, Metrics};

/// What all requests share; cheap to clone.
#[derive(Clone)]
pub(crate) struct Acceptor(Arc<Shared>);

struct Shared {
    directory: Directory,
    lane: lane::Entrance,
    limits: Limits,
    behind_proxy: bool,
    metrics: Metrics,
    /// The memory for bodies in flight.
    budget: Budget,
    tries: Mutex<Tries>,
    /// When it was last logged that callbacks arrive elsewhere than registered.
    elsewhere: Mutex<Option<Instant>>,
    certificate: CertificateNote,
}

/// Which paths are the receiver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// All: it listens by itself.
    Everything,
    /// Those under the common prefix, and where endpoints are registered: the others are an embedding service's.
    OwnPaths,
}

/// At most so often it is logged that callbacks arrive elsewhere than registered.
const ELSEWHERE_PAUSE: Duration = Duration::from_mins(1);

impl Acceptor {
    pub(crate) fn new(
        directory: Directory,
        lane: lane::Entrance,
        limits: Limits,
        behind_proxy: bool,
        metrics: Metrics,
    ) -> Self {
        let budget = Budget::new(limits.bytes_in_flight);
        let tries = Mutex::new(Tries::new());
        Self(Arc::new(Shared {
            directory,
            lane,
            limits,
            behind_proxy,
            metrics,
            budget,
            tries,
            elsewhere: Mutex::new(None),
            certificate: CertificateNote::default(),
        }))
    }

    /// As a router for an embedding service. Callbacks are taken at every path; what is not one is answered 404 at paths
    /// that are not ours.
    pub(crate) fn router(self) -> axum::Router {
        axum::Router::new().fallback(answer_request).with_state(self)
    }

    /// The answer to `/healthz`.
    pub(crate) fn alive() -> Response {
        answer::alive()
    }

    /// The answer to `/readyz`.
    pub(crate) fn ready(&self) -> Response {
        answer::ready(self.0.lane.readiness(), self.0.certificate.get().as_deref())
    }

    /// Where to put what `/readyz` says of the certificate.
    pub(crate) fn certificate_note(&self) -> CertificateNote {
        self.0.certificate.clone()
    }

    /// Tells the metrics what is to be asked for rather than counted.
    pub(crate) fn observe(&self, metrics: &Metrics) {
        let Shared { directory, lane, .. } = &*self.0;
        metrics.lane(lane.queued(), !matches!(lane.readiness(), Readiness::NotReady(_)));
        let Level { callbacks, bytes, oldest, quarantined } = lane.spooled().unwrap_or_default();
        metrics.spool(callbacks, bytes, oldest);
        metrics.quarantine(quarantined);
        let roster = directory.roster();
        let last = roster.callers().filter_map(|caller| Some((caller.endpoint_name.clone(), caller.usage.last()?)));
        metrics.last_callbacks(last);
    }

    async fn respond(self, peer: Peer, request: Request<Body>, reach: Reach) -> Response {
        let shared = &*self.0;
        let path = request.uri().path();
        match route::route(request.method(), path, || shared.is_ours(reach, path)) {
            // From memory, and before anything is counted: behind a proxy whoever asks for health has the address of
            // whoever guesses passwords.
            Route::Alive => Self::alive(),
            Route::Ready => self.ready(),
            Route::Callback => {
                let begun = Instant::now();
                match accept(shared, &peer, request, reach).await {
                    Ok((what, response)) => {
                        shared.metrics.accepted(what, begun.elapsed());
                        response
                    }
                    Err(Refused { refusal, delay }) => shared.refused(refusal, delay, begun.elapsed()),
                }
            }
            Route::WrongMethod => {
                let source = shared.source(request.headers(), &peer);
                let Refused { refusal, delay } = shared.counted(Refusal::WrongMethod, source.into());
                shared.refused(refusal, delay, Duration::ZERO)
            }
            // The embedding service's own visitors are not counted.
            Route::Nothing => answer::refused(Refusal::NotFound),
        }
    }
}

impl Answer for Acceptor {
    fn answer(&self, peer: Peer, request: Request<Body>) -> impl Future<Output = Response> + Send + 'static {
        self.clone().respond(peer, request, Reach::Everything)
    }
}

async fn answer_request(State(acceptor): State<Acceptor>, request: Request<Body>) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    let mut response = acceptor.respond(Peer::elsewhere(address), request, Reach::OwnPaths).await;
    if let Some(TarpitDelay(delay)) = response.extensions_mut().remove() {
        sleep(delay).await;
    }
    response
}

/// A refusal, and how long its answer is held back.
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
    reach: Reach,
) -> Result<(Accept, Response), Refused> {
    let (head, body) = request.into_parts();
    let source = shared.source(&head.headers, peer);
    let may_be_new = || !shared.tries().are_too_many(source.into(), Instant::now());
    let is_ours = || shared.is_ours(reach, head.uri.path());
    let authenticated = match authenticate::authenticate(&shared.directory, &head, may_be_new, is_ours).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return Err(shared.counted(refusal, source.into())),
    };
    peer.receives().await;
    let mut received =
        body::receive(&authenticated, &head.headers, source, body, &shared.limits, &shared.budget).await?;
    peer.stores();
    let target = authenticate::target(&head);
    let is_elsewhere = !authenticated.caller().place.is_exactly(target);
    if is_elsewhere {
        received.row.note_target(target);
    }
    let bytes = received.body();
    let received_at = received.row.received_at;
    let handed_over = shared.lane.hand_over(received)?;
    // While the write runs, and of no consequence for it: even what is not JSON is kept.
    let syntax = syntax::check(&bytes, &head.headers);
    let accepted = handed_over.accepted().await?;
    authenticated.caller().usage.note(received_at);
    if is_elsewhere {
        shared.arrived_elsewhere(authenticated.caller(), head.uri.path());
    }
    let what = if syntax.is_ok() { Accept::Stored } else { Accept::StoredNotJson };
    Ok((what, answer::accepted(&accepted, syntax)))
}

impl Shared {
    /// Counts a request without a valid credential against its source. Whoever sends too many is answered at a pace, and
    /// told to wait instead of that the credential is wrong.
    fn counted(&self, refusal: Refusal, source: Source) -> Refused {
        let counting = self.tries().count(source, Instant::now());
        let (wait, delay) = match counting {
            Counting::Few => return refusal.into(),
            Counting::TooManyNow(wait) => {
                tracing::warn!(%source, "too many requests without a valid credential; further ones are delayed");
                (wait, Duration::ZERO)
            }
            Counting::TooMany { wait, hold } => (wait, hold),
        };
        let refusal = if refusal == Refusal::Unauthorized { Refusal::TooManyTries(wait) } else { refusal };
        Refused { refusal, delay }
    }

    fn refused(&self, refusal: Refusal, delay: Duration, after: Duration) -> Response {
        self.metrics.accepted(kind_of(refusal), after);
        let mut response = answer::refused(refusal);
        if !delay.is_zero() {
            response.extensions_mut().insert(TarpitDelay(delay));
        }
        response
    }

    /// Where a request came from: the peer, or what the proxy in front says about its peer.
    fn source(&self, headers: &HeaderMap, peer: &Peer) -> IpAddr {
        let forwarded = if self.behind_proxy { forwarded::client(headers) } else { None };
        let source = forwarded.or(peer.address());
        source.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.to_canonical())
    }

    fn is_ours(&self, reach: Reach, path: &str) -> bool {
        reach == Reach::Everything || path.starts_with(PREFIX) || self.directory.covers(path)
    }

    /// Counts a callback that came with a right credential at another path or query than registered. Of the query,
    /// which may hold a secret, the log says nothing.
    fn arrived_elsewhere(&self, caller: &Caller, path: &str) {
        self.metrics.elsewhere();
        let now = Instant::now();
        let mut logged = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|logged| now.saturating_duration_since(logged) >= ELSEWHERE_PAUSE) {
            *logged = Some(now);
            tracing::warn!(
                endpoint = caller.endpoint_name,
                registered = caller.place.path(),
                arrived = path,
                "callbacks arrive at another path or query than registered; they are stored under the endpoint of their \
                 credential (is a proxy in front changing them?)"
            );
        }
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        // Nothing under the lock can stop halfway.
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind_of(refusal: Refusal) -> Accept {
    match refusal {
        Refusal::Unauthorized | Refusal::TooManyTries(_) => Accept::WrongCredential,
        Refusal::NotFound => Accept::NotFound,
        Refusal::WrongMethod => Accept::WrongMethod,
        Refusal::TooLarge => Accept::TooLarge,
        Refusal::TooSlow => Accept::TooSlow,
        Refusal::BrokenOff => Accept::BrokenOff,
        Refusal::Busy => Accept::Busy,
        Refusal::NotStored => Accept::NotStored,
    }
}
