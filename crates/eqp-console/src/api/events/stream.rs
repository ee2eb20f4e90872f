//! Events as they are recorded: server-sent events (SSE).

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use eqp_store::sqlx::PgPool;
use eqp_store::{Event, EventFilter, Tail};
use eqp_tls::listener::LongResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap};
use http::{HeaderName, HeaderValue};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::authorized::{ApiState, Authorized, Read, is_valid};
use crate::described::QueryOf;
use crate::extract::Query;
use crate::open_requests::OpenPermit;
use crate::principal::Principal;
use crate::problem::{Problem, ProblemCode};

/// The media type of a stream of events.
pub(crate) const MEDIA_TYPE: &str = "text/event-stream";
/// The header with the number of the last event that a client has received.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The name of the message that reports an error, after which the stream ends.
pub(crate) const PROBLEM: &str = "problem";
/// The interval of comments, by which both sides notice a lost connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The interval at which a stream without events checks whether its token was revoked.
const CHECK_IDLE: Duration = Duration::from_secs(2);
/// The age of this check from which on it is repeated before an event is sent.
const CHECK_BUSY: Duration = Duration::from_millis(200);

/// The time after which a stream ends, so that proxies and browsers do not hold connections forever. Clients connect again.
const LIFETIME: Duration = Duration::from_mins(10);

/// The error of the database that ended a stream, for a client in the same process.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamCause(Arc<Mutex<Option<Arc<eqp_store::Error>>>>);

impl StreamCause {
    fn set(&self, error: eqp_store::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(error));
    }

    /// Returns the error, if the database was the reason.
    pub(crate) fn take(&self) -> Option<Arc<eqp_store::Error>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Follow events
///
/// Server-sent events: first those after `after_seq` or `Last-Event-ID`, then new ones as they are recorded. Without both, only new events
/// are sent. The parameters `order` and `limit` are ignored. Each message has the event's number as its `id` and the event as JSON. A
/// message named `problem` reports why the stream ends. Each stream ends after 10 minutes; connect again with the last `id`.
#[utoipa::path(
    get,
    path = "/events/stream",
    operation_id = "streamEvents",
    tag = "events",
    params(
        QueryOf<EventFilter>,
        ("Last-Event-ID" = Option<i64>, Header, description = "Number of the last received event; replaces `after_seq`")
    ),
    responses((status = 200, description = "The events", content_type = "text/event-stream", body = String))
)]
pub(super) async fn stream(
    operator: Authorized<Read>,
    headers: HeaderMap,
    Query(mut filter): Query<EventFilter>,
) -> Result<Response, Problem> {
    if let Some(last) = headers.get(LAST_EVENT_ID) {
        let last = last.to_str().ok().and_then(|last| last.parse().ok());
        filter.after_seq = Some(last.ok_or_else(|| Problem::invalid("Last-Event-ID is not an event number"))?);
    }
    let permit = operator.open_stream()?;
    let after = match filter.after_seq {
        Some(after) => after,
        None => operator.reader().latest_seq().await?,
    };
    let tail = operator.tail(EventFilter { after_seq: Some(after), ..filter }).await?;
    let cause = StreamCause::default();
    let now = Instant::now();
    let events = Events {
        tail,
        pool: operator.pool().clone(),
        principal: operator.principal().clone(),
        shutdown: operator.shutdown().clone(),
        cause: cause.clone(),
        checked_at: now,
        sent_at: now,
        // A caller in the same process has no connection that could be held too long.
        ends_at: (*operator.principal() != Principal::Local).then(|| now + LIFETIME),
        // A client that loses the connection before the first event continues here.
        first: Some(Bytes::from(format!("id: {after}\n\n"))),
        span: tracing::Span::current(),
        _permit: permit,
    };
    let body = futures_util::stream::unfold(Some(events), |events| async move {
        let mut events = events?;
        let span = events.span.clone();
        let (message, goes_on) = events.next().instrument(span).await?;
        Some((Ok::<_, Infallible>(message), goes_on.then_some(events)))
    });
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // nginx would otherwise collect the events of a page before it passes them on.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response.extensions_mut().insert(LongResponse);
    response.extensions_mut().insert(cause);
    Ok(response)
}

/// The state of a stream.
struct Events {
    tail: Tail,
    pool: PgPool,
    principal: Principal,
    shutdown: CancellationToken,
    cause: StreamCause,
    /// When the principal was last known to be valid.
    checked_at: Instant,
    sent_at: Instant,
    ends_at: Option<Instant>,
    first: Option<Bytes>,
    /// That of the request, whose ID is in log lines.
    span: tracing::Span,
    _permit: OpenPermit,
}

impl Events {
    /// Returns the next message, and whether others can follow. Returns `None` at shutdown, and at the end of the stream's lifetime.
    async fn next(&mut self) -> Option<(Bytes, bool)> {
        if let Some(first) = self.first.take() {
            return Some((first, true));
        }
        loop {
            let next = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return None,
                () = sleep_until(self.ends_at.unwrap_or_else(Instant::now)), if self.ends_at.is_some() => return None,
                event = self.tail.next() => event.map(|event| event.map(Some)),
                () = sleep_until((self.checked_at + CHECK_IDLE).min(self.sent_at + KEEP_ALIVE)) => Ok(Some(None)),
            };
            let event = match next {
                Ok(Some(event)) => event,
                Ok(None) => return None,
                Err(error) => return Some((self.failed(error), false)),
            };
            let checked = if event.is_some() { CHECK_BUSY } else { CHECK_IDLE };
            if self.checked_at.elapsed() >= checked {
                match is_valid(&self.pool, &self.principal).await {
                    Ok(true) => self.checked_at = Instant::now(),
                    Ok(false) => return Some((problem(&Problem::new(ProblemCode::Unauthenticated)), false)),
                    Err(error) => return Some((self.failed(error), false)),
                }
            }
            let message = match event {
                Some(event) => message(&event),
                None if self.sent_at.elapsed() >= KEEP_ALIVE => Bytes::from_static(b":\n\n"),
                None => continue,
            };
            self.sent_at = Instant::now();
            return Some((message, true));
        }
    }

    fn failed(&self, error: eqp_store::Error) -> Bytes {
        tracing::warn!(%error, "stream of events ended");
        let code = if error.is_retryable() { ProblemCode::DatabaseUnavailable } else { ProblemCode::Internal };
        let message = problem(&Problem::new(code));
        self.cause.set(error);
        message
    }
}

fn message(event: &Event) -> Bytes {
    // JSON on one line; an event of texts and numbers can always be serialized.
    let data = serde_json::to_string(event).expect("an event is serializable");
    Bytes::from(format!("id: {}\ndata: {data}\n\n", event.seq))
}

fn problem(problem: &Problem) -> Bytes {
    let data = serde_json::to_string(problem).expect("a problem is serializable");
    Bytes::from(format!("event: {PROBLEM}\ndata: {data}\n\n"))
}

/// Returns the route of the stream.
pub(super) fn routes() -> utoipa_axum::router::OpenApiRouter<ApiState> {
    utoipa_axum::router::OpenApiRouter::new().routes(utoipa_axum::routes!(stream))
}
