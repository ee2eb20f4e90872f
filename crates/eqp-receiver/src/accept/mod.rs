//! All that the sender waits for: authenticate, bound, keep the bytes, make them durable, answer.
//!
//! Each step is a type that only the step before it can make: [`authenticate::Authenticated`], [`body::Received`],
//! [`lane::Accepted`].

mod answer;
mod authenticate;
mod basic;
mod body;
mod commit_failure;
pub(crate) mod lane;
mod readiness;
mod route;
mod syntax;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use tokio::sync::Semaphore;

use self::answer::Refusal;
use self::route::Route;
use crate::Limits;
use crate::endpoint::directory::Directory;

/// What all requests share; cheap to clone.
#[derive(Clone)]
pub(crate) struct Acceptor(Arc<Shared>);

struct Shared {
    directory: Directory,
    lane: lane::Entrance,
    limits: Limits,
    behind_proxy: bool,
    /// One permit per byte of bodies in flight.
    budget: Arc<Semaphore>,
}

impl Acceptor {
    pub(crate) fn new(directory: Directory, lane: lane::Entrance, limits: Limits, behind_proxy: bool) -> Self {
        let budget = Arc::new(Semaphore::new(limits.bytes_in_flight));
        Self(Arc::new(Shared { directory, lane, limits, behind_proxy, budget }))
    }

    /// As a router, which answers every path.
    pub(crate) fn router(self) -> axum::Router {
        axum::Router::new().fallback(answer_request).with_state(self)
    }
}

async fn answer_request(State(Acceptor(shared)): State<Acceptor>, request: Request) -> Response {
    let path = request.uri().path();
    match route::route(request.method(), path, |path| shared.directory.knows(path)) {
        Route::Alive => answer::alive(),
        Route::Ready => answer::ready(shared.lane.readiness()),
        Route::Callback => accept(&shared, request).await.unwrap_or_else(answer::refused),
        Route::WrongMethod { allow } => answer::wrong_method(allow),
        Route::Nothing => answer::refused(Refusal::NotFound),
    }
}

async fn accept(shared: &Shared, request: Request) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let authenticated = authenticate::authenticate(&shared.directory, &head).await?;
    let source = source(&head, shared.behind_proxy);
    let received = body::receive(&authenticated, &head.headers, source, body, &shared.limits, &shared.budget).await?;
    let bytes = received.body();
    let received_at = received.row.received_at;
    let handed_over = shared.lane.hand_over(received)?;
    // While the write runs, and of no consequence for it: even what is not JSON is kept.
    let syntax = syntax::check(&bytes);
    let accepted = handed_over.accepted().await?;
    authenticated.caller().usage.note(received_at);
    Ok(answer::accepted(&accepted, syntax))
}

/// Where a request came from: the peer, or what the proxy in front says about its peer.
fn source(head: &http::request::Parts, behind_proxy: bool) -> IpAddr {
    // The last entry is the one that the nearest proxy wrote; those before it are the sender's word.
    let forwarded = || {
        let entry = head.headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?.rsplit(',').next()?;
        entry.trim().parse().ok()
    };
    let peer = || head.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    let source = if behind_proxy { forwarded().or_else(peer) } else { peer() };
    source.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_the_peer_or_what_the_nearest_proxy_wrote() {
        let (mut head, ()) = http::Request::builder()
            .header("x-forwarded-for", "6.6.6.6")
            .header("x-forwarded-for", "7.7.7.7, 2001:db8::1")
            .body(())
            .unwrap()
            .into_parts();
        assert_eq!(source(&head, false), IpAddr::from([0, 0, 0, 0]));
        head.extensions.insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 4000))));
        assert_eq!(source(&head, false), IpAddr::from([10, 0, 0, 1]));
        assert_eq!(source(&head, true), "2001:db8::1".parse::<IpAddr>().unwrap());
    }
}
