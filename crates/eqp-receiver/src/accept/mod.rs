//! All that the sender waits for: authenticate, bound, keep the bytes, make them durable, answer.
//!
//! Each step is a type that only the step before it can make: [`authenticate::Authenticated`], [`body::Received`],
//! [`lane::Accepted`].

mod answer;
mod authenticate;
pub(crate) mod basic;
mod body;
mod commit_failure;
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
use http::Request;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use self::answer::Refusal;
pub(crate) use self::readiness::CertificateNote;
use self::readiness::Readiness;
use self::route::Route;
use self::tries::{Counting, Tries};
use crate::endpoint::directory::Directory;
use crate::endpoint::path::PREFIX;
use crate::endpoint::roster::Caller;
use crate::metrics::Accept;
use crate::serve::Answer;
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
    /// One permit per byte of bodies in flight.
    budget: Arc<Semaphore>,
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
        let budget = Arc::new(Semaphore::new(limits.bytes_in_flight));
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

    async fn respond(self, peer: Option<IpAddr>, request: Request<Body>, reach: Reach) -> Response {
        let shared = &*self.0;
        let path = request.uri().path();
        match route::route(request.method(), path, || shared.is_ours(reach, path)) {
            Route::Alive => Self::alive(),
            Route::Ready => self.ready(),
            Route::Callback => {
                let begun = Instant::now();
                let (what, response) = match accept(shared, peer, request, reach).await {
                    Ok(taken) => taken,
                    Err(refusal) => (kind_of(refusal), answer::refused(refusal)),
                };
                shared.metrics.accepted(what, begun.elapsed());
                response
            }
            Route::WrongMethod => {
                shared.metrics.accepted(Accept::WrongMethod, std::time::Duration::ZERO);
                answer::wrong_method()
            }
            Route::Nothing => answer::refused(Refusal::NotFound),
        }
    }
}

impl Answer for Acceptor {
    fn answer(&self, peer: SocketAddr, request: Request<Body>) -> impl Future<Output = Response> + Send + 'static {
        self.clone().respond(Some(peer.ip()), request, Reach::Everything)
    }
}

async fn answer_request(State(acceptor): State<Acceptor>, request: Request<Body>) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    acceptor.respond(peer, request, Reach::OwnPaths).await
}

async fn accept(
    shared: &Shared,
    peer: Option<IpAddr>,
    request: Request<Body>,
    reach: Reach,
) -> Result<(Accept, Response), Refusal> {
    let (head, body) = request.into_parts();
    let source = source(&head, peer, shared.behind_proxy);
    let may_be_new = || !shared.tries().are_too_many(source.into(), Instant::now());
    let is_ours = || shared.is_ours(reach, head.uri.path());
    let authenticated = match authenticate::authenticate(&shared.directory, &head, may_be_new, is_ours).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return Err(shared.counted(refusal, source.into()).await),
    };
    let mut received =
        body::receive(&authenticated, &head.headers, source, body, &shared.limits, &shared.budget).await?;
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
    /// Counts a wrong credential against its source; too many are told to wait, and held if they do not.
    async fn counted(&self, refusal: Refusal, source: Source) -> Refusal {
        if refusal != Refusal::Unauthorized {
            return refusal;
        }
        let counting = self.tries().count(source, Instant::now());
        match counting {
            Counting::Few => refusal,
            Counting::TooManyNow(wait) => {
                tracing::warn!(%source, "too many wrong credentials; further ones are told to wait");
                Refusal::TooManyTries(wait)
            }
            Counting::TooMany { wait, hold } => {
                sleep(hold).await;
                Refusal::TooManyTries(wait)
            }
        }
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
        Refusal::TooLarge => Accept::TooLarge,
        Refusal::TooSlow => Accept::TooSlow,
        Refusal::BrokenOff => Accept::BrokenOff,
        Refusal::Busy => Accept::Busy,
        Refusal::NotStored => Accept::NotStored,
    }
}

/// Where a request came from: the peer, or what the proxy in front says about its peer.
fn source(head: &http::request::Parts, peer: Option<IpAddr>, behind_proxy: bool) -> IpAddr {
    // The last entry is the one that the nearest proxy wrote; those before it are the sender's word.
    let forwarded = || {
        let entry = head.headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?.rsplit(',').next()?;
        entry.trim().parse().ok()
    };
    let source = if behind_proxy { forwarded().or(peer) } else { peer };
    source.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_the_peer_or_what_the_nearest_proxy_wrote() {
        let (head, ()) = http::Request::builder()
            .header("x-forwarded-for", "6.6.6.6")
            .header("x-forwarded-for", "7.7.7.7, 2001:db8::1")
            .body(())
            .unwrap()
            .into_parts();
        let peer = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(source(&head, None, false), IpAddr::from([0, 0, 0, 0]));
        assert_eq!(source(&head, Some(peer), false), peer);
        assert_eq!(source(&head, Some(peer), true), "2001:db8::1".parse::<IpAddr>().unwrap());
    }
}
