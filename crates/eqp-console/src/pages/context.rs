//! The context of a page: the request, the user who has signed in, and the form that is shown again.

use axum::Router;
use axum::extract::{FromRequestParts, Request};
use http::request::Parts;
use http::{StatusCode, Uri};
use strum::{EnumString, IntoStaticStr};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::state::PagesState;
use crate::client::OperatorClient;
use crate::principal::{Principal, Scope};
use crate::problem::{Problem, ProblemCode};
use crate::token;

/// The parameter with which live updates are paused.
pub(super) const LIVE: &str = "live";
/// The parameter that names what was just done.
pub(super) const DONE: &str = "done";

/// A request for a page.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(super) uri: Uri,
    /// The time that ages on the page refer to.
    pub(super) now: OffsetDateTime,
    /// When the request arrived, for the time that it took.
    pub(super) began: Instant,
}

/// Something that was just done, which the next page confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Done {
    SignedOut,
    Acknowledged,
    Snoozed,
    Noted,
    Resolved,
    Paused,
    Resumed,
    Retried,
    Discarded,
    Replayed,
    ReplayCancelled,
    Tested,
    PausedAlready,
    NotPaused,
    /// The request came too late.
    Nothing,
}

impl Done {
    /// Returns a sentence.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::SignedOut => "You have signed out.",
            Self::Acknowledged => "The alert is acknowledged. Reminders no longer list it.",
            Self::Snoozed => "The alert is snoozed.",
            Self::Noted => "The note is added.",
            Self::Resolved => "The alert is resolved.",
            Self::Paused => "The subscription is paused. Its deliveries wait.",
            Self::Resumed => "The subscription is resumed, and its waiting deliveries are being sent.",
            Self::Retried => "The delivery is sent now.",
            Self::Discarded => "The delivery is discarded.",
            Self::Replayed => "The replay is requested. A server with the role deliver sends its events.",
            Self::ReplayCancelled => "The replay is cancelled. Its waiting deliveries are discarded.",
            Self::Tested => "The test is requested. This page shows the attempt once a server has made it.",
            Self::PausedAlready => "Nothing was changed: the subscription was paused already.",
            Self::NotPaused => "Nothing was changed: the subscription was not paused.",
            Self::Nothing => "Nothing was changed: the delivery had already ended.",
        }
    }
}

impl Visit {
    pub(super) fn new(request: &Request) -> Self {
        Self { uri: request.uri().clone(), now: OffsetDateTime::now_utc(), began: Instant::now() }
    }

    /// Returns the path and the query.
    pub(super) fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |both| both.as_str())
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default().as_bytes();
        url::form_urlencoded::parse(query).find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    /// Returns whether the user has paused live updates.
    pub(super) fn is_paused(&self) -> bool {
        self.parameter(LIVE).is_some_and(|value| value == "off")
    }

    /// Returns whether the user was sent here because of having signed out. Nothing else can be confirmed without a session.
    pub(super) fn has_signed_out(&self) -> bool {
        self.parameter(DONE).is_some_and(|value| value == <&str>::from(Done::SignedOut))
    }

    /// Returns the path and the query with these parameters instead of the ones with the same names. An empty value removes a parameter.
    pub(super) fn with(&self, parameters: &[(&str, &str)]) -> String {
        let query = self.uri.query().unwrap_or_default();
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if name != DONE && !value.is_empty() && !parameters.iter().any(|(replaced, _)| name == *replaced) {
                encoded.append_pair(&name, &value);
            }
        }
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
            encoded.append_pair(name, value);
        }
        let query = encoded.finish();
        if query.is_empty() { self.uri.path().to_owned() } else { format!("{}?{query}", self.uri.path()) }
    }
}

/// A form that is shown again with the values that the user has typed.
#[derive(Clone, Debug)]
pub(crate) struct Redisplay {
    /// The path that the form was sent to.
    pub(super) action: String,
    pub(super) values: Vec<(String, String)>,
    /// The reason why it is shown again.
    pub(super) message: String,
    /// The field that the reason is about.
    pub(super) field: Option<String>,
    /// The status of the response.
    pub(super) status: StatusCode,
}

/// The context of a page of a user who has signed in.
///
/// Handlers get it as an argument, and pass it to [`layout::page`](super::layout::page) and to the parts of pages.
#[derive(Clone)]
pub(crate) struct PageContext {
    pub(super) visit: Visit,
    pub(super) principal: Principal,
    /// The token that every form contains.
    pub(super) csrf: String,
    api: Router,
    pub(super) redisplay: Option<Redisplay>,
}

impl PageContext {
    pub(super) fn new(visit: Visit, principal: Principal, csrf: String, api: Router) -> Self {
        Self { visit, principal, csrf, api, redisplay: None }
    }

    /// Returns the client for reading, with the scope `read` of the user. Changes need the client that
    /// [`PostedForm::accept`](super::form::PostedForm::accept) returns.
    pub(crate) fn client(&self) -> OperatorClient {
        OperatorClient::of_router(self.api.clone(), self.principal.reading())
    }

    /// Returns the client with all scopes of the user.
    pub(super) fn changing_client(&self) -> OperatorClient {
        OperatorClient::of_router(self.api.clone(), self.principal.clone())
    }

    /// Returns whether the user has a scope: buttons for operations that the user may not call are not shown.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.principal.has(scope)
    }

    /// Returns the time that ages on the page refer to.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.visit.now
    }

    /// Returns the path of a page that confirms what was just done. The tag keeps a link of another user from confirming an action that was not carried out.
    pub(super) fn confirmation(&self, path: &str, done: Done) -> String {
        let code: &str = done.into();
        format!("{path}?{DONE}={code}.{}", self.tag(path, code))
    }

    /// Returns what was just done.
    pub(super) fn done(&self) -> Option<Done> {
        let value = self.visit.parameter(DONE)?;
        let (code, tag) = value.split_once('.')?;
        let expected = self.tag(self.visit.uri.path(), code);
        bool::from(tag.as_bytes().ct_eq(expected.as_bytes())).then(|| code.parse().ok()).flatten()
    }

    fn tag(&self, path: &str, code: &str) -> String {
        token::tag(&self.csrf, &format!("{code} {path}"))
    }

    /// Returns the path and the query of this page with other parameters. An empty value removes a parameter.
    pub(crate) fn link(&self, parameters: &[(&str, &str)]) -> String {
        self.visit.with(parameters)
    }

    /// Returns this context with a form that is shown again.
    pub(crate) fn showing(&self, redisplay: Redisplay) -> Self {
        Self { redisplay: Some(redisplay), ..self.clone() }
    }
}

impl FromRequestParts<PagesState> for PageContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &PagesState) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(ProblemCode::Unauthenticated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(uri: &str) -> Visit {
        Visit { uri: uri.parse().unwrap(), now: OffsetDateTime::UNIX_EPOCH, began: Instant::now() }
    }

    #[test]
    fn parameters_are_replaced_added_and_removed() {
        let visit = visit("/events?kind=file&live=off&done=noted&status=");
        assert_eq!(visit.with(&[(LIVE, "")]), "/events?kind=file");
        assert_eq!(visit.with(&[("kind", "a&b"), ("before_seq", "7")]), "/events?live=off&kind=a%26b&before_seq=7");
        assert!(visit.is_paused());
        assert!(!visit.has_signed_out());
    }
}
