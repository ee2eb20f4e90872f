//! The client of the operator service, in the same process or over HTTP. Both return the same values.

mod error;
mod in_process;
mod remote;

use std::fmt;

use eqp_store::EventFilter;
use eqp_types::Secret;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

pub use self::error::{OperatorError, TransportError};
use self::in_process::InProcess;
use self::remote::Remote;
use crate::api::BASE;
use crate::api::audit::{AuditFilter, AuditLog};
use crate::api::deliveries::{ChangedDeliveries, DeliveryDetail, DeliveryList, DeliveryQuery, DeliverySelection};
use crate::api::events::EventList;
use crate::api::subscriptions::{PauseRequest, RequestedTest, Subscription, SubscriptionList, SubscriptionRequest};
use crate::api::tokens::{CreatedToken, NewToken, TokenList};
use crate::problem::Problem;
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
        Self { transport: Transport::InProcess(InProcess::new(service, principal)) }
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
    /// Returns [`OperatorError::Problem`] with the code `not_found` if there is no such token, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn revoke_token(&self, name: &str) -> Result<(), OperatorError> {
        self.delete(&format!("/tokens/{}", segment(name))).await
    }

    /// Returns entries of the audit log. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn audit(&self, filter: &AuditFilter) -> Result<AuditLog, OperatorError> {
        self.get("/audit", filter).await
    }

    /// Returns all subscriptions, ordered by name.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn subscriptions(&self) -> Result<SubscriptionList, OperatorError> {
        self.get("/subscriptions", &()).await
    }

    /// Returns one subscription.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if there is no such subscription, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn subscription(&self, name: &str) -> Result<Subscription, OperatorError> {
        self.get(&format!("/subscriptions/{}", segment(name)), &()).await
    }

    /// Creates a subscription, which receives the events that are recorded from now on. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `conflict` if a subscription has this name, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn create_subscription(&self, new: &SubscriptionRequest) -> Result<Subscription, OperatorError> {
        self.post("/subscriptions", new).await
    }

    /// Removes a subscription and its deliveries. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn remove_subscription(&self, name: &str) -> Result<(), OperatorError> {
        self.delete(&format!("/subscriptions/{}", segment(name))).await
    }

    /// Pauses a subscription. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn pause_subscription(&self, name: &str, reason: Option<&str>) -> Result<Subscription, OperatorError> {
        let request = PauseRequest { reason: reason.map(str::to_owned) };
        self.post(&format!("/subscriptions/{}/pause", segment(name)), &request).await
    }

    /// Resumes a subscription, which delivers the events of the pause. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn resume_subscription(&self, name: &str) -> Result<Subscription, OperatorError> {
        self.post(&format!("/subscriptions/{}/resume", segment(name)), &()).await
    }

    /// Requests a test message, which a worker sends once. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn test_subscription(&self, name: &str) -> Result<RequestedTest, OperatorError> {
        self.post(&format!("/subscriptions/{}/test", segment(name)), &()).await
    }

    /// Returns deliveries that are waiting or dead, newest first.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn deliveries(&self, query: &DeliveryQuery) -> Result<DeliveryList, OperatorError> {
        self.get("/deliveries", query).await
    }

    /// Returns a delivery and its attempts.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if there is no such delivery and no recorded attempt, and otherwise
    /// the errors of [`events`](Self::events).
    pub async fn delivery(&self, id: i64) -> Result<DeliveryDetail, OperatorError> {
        self.get(&format!("/deliveries/{id}"), &()).await
    }

    /// Sends deliveries now, also dead ones. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn retry_deliveries(&self, selection: &DeliverySelection) -> Result<ChangedDeliveries, OperatorError> {
        self.post("/deliveries/retry", selection).await
    }

    /// Discards deliveries without sending them. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn discard_deliveries(&self, selection: &DeliverySelection) -> Result<ChangedDeliveries, OperatorError> {
        self.post("/deliveries/discard", selection).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, OperatorError> {
        let query = serde_urlencoded::to_string(query).expect("a filter has only texts and numbers");
        let separator = if query.is_empty() { "" } else { "?" };
        let path_and_query = format!("{BASE}{path}{separator}{query}");
        self.call(Request { method: Method::GET, path_and_query, body: None }).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, OperatorError> {
        let body = serde_json::to_vec(body).expect("the body of a request is serializable");
        self.call(Request { method: Method::POST, path_and_query: format!("{BASE}{path}"), body: Some(body) }).await
    }

    async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, OperatorError> {
        self.call(Request { method: Method::DELETE, path_and_query: format!("{BASE}{path}"), body: None }).await
    }

    async fn call<T: DeserializeOwned>(&self, request: Request) -> Result<T, OperatorError> {
        let answer = match &self.transport {
            Transport::InProcess(transport) => transport.call(request).await?,
            Transport::Remote(transport) => transport.call(request).await?,
        };
        if answer.status.is_success() {
            // A response without content stands for `()`.
            let body = if answer.status == StatusCode::NO_CONTENT { b"null" } else { &*answer.body };
            return serde_json::from_slice(body)
                .map_err(|_| OperatorError::Malformed { status: answer.status.as_u16() });
        }
        match serde_json::from_slice::<Problem>(&answer.body) {
            Ok(problem) if answer.is_problem => Err(OperatorError::Problem(problem)),
            _ => Err(OperatorError::Malformed { status: answer.status.as_u16() }),
        }
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
