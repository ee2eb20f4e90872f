//! The client of the operator service, in the same process or over HTTP. Both return the same values.

mod alerts;
mod callbacks;
mod canaries;
mod deliveries;
mod error;
mod in_process;
mod installation;
mod messages;
mod remote;
mod replays;
mod reviews;
mod status;
mod stream;
mod submission_links;

use std::fmt;

use axum::Router;
use axum::response::Response;
use eqp_store::{EventFilter, FileFilter, SubmissionFilter};
use eqp_types::{Environment, MageId, Secret};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use url::Url;

pub use self::error::{OperatorError, TransportError};
use self::in_process::InProcess;
use self::remote::Remote;
pub use self::stream::EventStream;
use crate::api::BASE;
use crate::api::accounts::AccountList;
use crate::api::audit::{AuditFilter, AuditLog};
use crate::api::events::EventList;
use crate::api::events::detail::ReportedEvent;
use crate::api::health::Health;
use crate::api::links::SignInLink;
use crate::api::retention::{DeletedCallbacks, OldCallbacks, ReceivedBefore};
use crate::api::submissions::{EnvironmentFilter, FileList, SubmissionHistories, SubmissionList};
use crate::api::tokens::{CreatedToken, NewToken, TokenList};
use crate::problem::{Problem, ProblemCode};
use crate::{OperatorService, Principal};

/// A client of the operator service. Cheap to clone.
#[derive(Clone)]
pub struct OperatorClient {
    transport: Transport,
}

#[derive(Clone)]
enum Transport {
    InProcess(InProcess),
    Remote(Remote),
}

/// A request, relative to the base path.
struct Request {
    method: Method,
    path_and_query: String,
    /// The body, as JSON.
    body: Option<Vec<u8>>,
}

/// A complete response.
struct Answer {
    status: StatusCode,
    is_problem: bool,
    body: Vec<u8>,
}

impl fmt::Debug for OperatorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match &self.transport {
            Transport::InProcess(_) => "in process",
            Transport::Remote(remote) => remote.host(),
        };
        f.debug_struct("OperatorClient").field("transport", &transport).finish_non_exhaustive()
    }
}

impl OperatorClient {
    /// Creates a client that calls a service in the same process, without a socket.
    pub fn in_process(service: &OperatorService, principal: Principal) -> Self {
        Self::of_router(service.router(), principal)
    }

    /// Creates a client that calls the router of a service in the same process. Clients of one router share its limits.
    pub(crate) fn of_router(router: Router, principal: Principal) -> Self {
        Self { transport: Transport::InProcess(InProcess::new(router, principal)) }
    }

    /// Opens the stream of the events that match a query, and returns its response for a browser. `last_event_id` is the number of the
    /// last event that the browser has received.
    pub(crate) async fn event_stream(
        &self,
        query: &str,
        last_event_id: Option<&HeaderValue>,
    ) -> Result<Response, OperatorError> {
        match &self.transport {
            Transport::InProcess(transport) => {
                transport.forward(format!("{BASE}/events/stream?{query}"), last_event_id).await
            }
            Transport::Remote(_) => Err(Problem::new(ProblemCode::Internal).detail("the server is remote").into()),
        }
    }

    /// Creates a client of a server. The token is sent to this URL only. Plain HTTP is allowed on this machine only.
    /// `trusted_ca` is the PEM certificate of an additional CA.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Url`] if the URL cannot be used, and [`OperatorError::Setup`] if the certificate cannot.
    pub fn remote(url: &Url, token: &Secret, trusted_ca: Option<&[u8]>) -> Result<Self, OperatorError> {
        Ok(Self { transport: Transport::Remote(Remote::new(url, token, trusted_ca)?) })
    }

    /// Returns the events that match a filter.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] if the service rejects the request or fails, and the other errors if a server cannot be
    /// reached.
    pub async fn events(&self, filter: &EventFilter) -> Result<EventList, OperatorError> {
        self.get("/events", filter).await
    }

    /// Follows the events that match a filter: first those after the filter's `after_seq`, then new ones as they are recorded. Without
    /// `after_seq`, only new events are returned. The filter's order and limit are ignored.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn follow(&self, filter: &EventFilter) -> Result<EventStream, OperatorError> {
        EventStream::open(self.clone(), filter.clone()).await
    }

    /// Returns an event with the reports about it, or `None` if there is no event with this number.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn event(&self, seq: i64) -> Result<Option<ReportedEvent>, OperatorError> {
        found(self.get(&format!("/events/{seq}"), &()).await)
    }

    /// Returns the submissions that match a filter, last changed first.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn submissions(&self, filter: &SubmissionFilter) -> Result<SubmissionList, OperatorError> {
        self.get("/submissions", filter).await
    }

    /// Returns the submissions with this submission ID or item ID and their events, or `None` if there are none.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn submission(
        &self,
        environment: Option<Environment>,
        id: &str,
    ) -> Result<Option<SubmissionHistories>, OperatorError> {
        found(self.get(&format!("/submissions/{}", segment(id)), &EnvironmentFilter { environment }).await)
    }

    /// Returns the files that match a filter, last changed first.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn files(&self, filter: &FileFilter) -> Result<FileList, OperatorError> {
        self.get("/files", filter).await
    }

    /// Returns all accounts, without secrets.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn accounts(&self) -> Result<AccountList, OperatorError> {
        self.get("/accounts", &()).await
    }

    /// Deletes the stored access key of an account. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if no key is stored, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn delete_access_key(&self, environment: Environment, account: &MageId) -> Result<(), OperatorError> {
        self.delete(&format!("/accounts/{environment}/{}/access-key", segment(account.as_str()))).await
    }

    /// Returns the number of callbacks that [`delete_old_callbacks`](Self::delete_old_callbacks) would delete.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn count_old_callbacks(&self, before: OffsetDateTime) -> Result<u64, OperatorError> {
        Ok(self.get::<OldCallbacks>("/retention", &ReceivedBefore { before }).await?.callbacks)
    }

    /// Deletes callbacks that arrived before a time, which is at least a day ago, and returns their number. Requires the scope
    /// `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events). Callbacks that were deleted until then stay deleted.
    pub async fn delete_old_callbacks(&self, before: OffsetDateTime) -> Result<u64, OperatorError> {
        let mut total = 0;
        loop {
            let DeletedCallbacks { deleted, is_complete } = self.post("/retention", &ReceivedBefore { before }).await?;
            total += deleted;
            if is_complete {
                return Ok(total);
            }
        }
    }

    /// Returns all tokens, newest first. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn tokens(&self) -> Result<TokenList, OperatorError> {
        self.get("/tokens", &()).await
    }

    /// Creates a token. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `conflict` if a token has this name, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn create_token(&self, token: &NewToken) -> Result<CreatedToken, OperatorError> {
        self.post("/tokens", token).await
    }

    /// Revokes a token. Requests with it are rejected from then on, and its streams end. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if no token has this name, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn revoke_token(&self, name: &str) -> Result<(), OperatorError> {
        self.delete(&format!("/tokens/{}", segment(name))).await
    }

    /// Returns the state of the installation.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn health(&self) -> Result<Health, OperatorError> {
        self.get("/health", &()).await
    }

    /// Creates a link with which a browser signs in to the pages, for the token with this name. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if no valid token has this name, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn create_sign_in_link(&self, token: &str) -> Result<SignInLink, OperatorError> {
        self.post(&format!("/tokens/{}/links", segment(token)), &()).await
    }

    /// Returns entries of the audit log. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn audit(&self, filter: &AuditFilter) -> Result<AuditLog, OperatorError> {
        self.get("/audit", filter).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, OperatorError> {
        let path_and_query = format!("{BASE}{path}{}", query_of(query));
        self.call(Request { method: Method::GET, path_and_query, body: None }).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, OperatorError> {
        let body = serde_json::to_vec(body).expect("the body of a request is serializable");
        self.call(Request { method: Method::POST, path_and_query: format!("{BASE}{path}"), body: Some(body) }).await
    }

    async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, OperatorError> {
        self.call(Request { method: Method::DELETE, path_and_query: format!("{BASE}{path}"), body: None }).await
    }

    /// Returns the body of a response that is not JSON.
    async fn get_bytes(&self, path: &str) -> Result<Vec<u8>, OperatorError> {
        let path_and_query = format!("{BASE}{path}");
        Ok(self.answer(Request { method: Method::GET, path_and_query, body: None }).await?.body)
    }

    async fn call<T: DeserializeOwned>(&self, request: Request) -> Result<T, OperatorError> {
        let answer = self.answer(request).await?;
        // A response without content stands for `()`.
        let body = if answer.status == StatusCode::NO_CONTENT { b"null" } else { &*answer.body };
        serde_json::from_slice(body).map_err(|_| OperatorError::Malformed { status: answer.status.as_u16() })
    }

    /// Returns a successful response.
    async fn answer(&self, request: Request) -> Result<Answer, OperatorError> {
        let answer = match &self.transport {
            Transport::InProcess(transport) => transport.call(request).await?,
            Transport::Remote(transport) => transport.call(request).await?,
        };
        if answer.status.is_success() { Ok(answer) } else { Err(answer.into_error()) }
    }
}

impl Answer {
    /// Returns the error of a response that is not successful.
    fn into_error(self) -> OperatorError {
        match serde_json::from_slice::<Problem>(&self.body) {
            Ok(problem) if self.is_problem => OperatorError::Problem(problem),
            _ => OperatorError::Malformed { status: self.status.as_u16() },
        }
    }
}

/// Encodes the parameters of a query, with the question mark if there are any.
fn query_of(query: &impl Serialize) -> String {
    let query = serde_urlencoded::to_string(query).expect("a filter has only texts and numbers");
    if query.is_empty() { query } else { format!("?{query}") }
}

/// Returns `None` for an object that does not exist.
fn found<T>(answered: Result<T, OperatorError>) -> Result<Option<T>, OperatorError> {
    match answered {
        Err(error) if error.is_not_found() => Ok(None),
        answered => answered.map(Some),
    }
}

/// Encodes a segment of a path.
fn segment(text: &str) -> impl std::fmt::Display + '_ {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

/// Returns whether a response is an error of the service, and not of a proxy.
fn is_problem(headers: &http::HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(crate::problem::MEDIA_TYPE.as_bytes()))
}
