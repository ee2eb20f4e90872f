//! Creates a temporary subscription, or continues with an existing one: `/subscriptions/{name}/listen`.

use axum::Json;
use eqp_deliver::{
    HandlerDefinition, NewSubscription, PullError, SubscriptionChanges, SubscriptionError, SubscriptionFilter,
    Subscriptions,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;

use super::super::subscriptions::Subscription;
use crate::authorized::{Authorized, Consume};
use crate::extract::{JsonBody, PathParameters};
use crate::problem::{Problem, ProblemCode};

/// The beginning of the names of temporary subscriptions.
const LISTENER: &str = "listen/";
/// The maximum number of temporary subscriptions. Each event is stored for each of them for up to 7 days.
const MAX_TEMPORARY: usize = 200;

/// A temporary subscription to create or to continue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ListenRequest {
    /// The events that it receives. Null: all except those of the baseline, or those of the existing subscription.
    pub filter: Option<SubscriptionFilter>,
    /// A new subscription also receives the events that were recorded since this time.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub since: Option<OffsetDateTime>,
}

/// A subscription whose messages can be fetched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Listener {
    /// The subscription.
    pub subscription: Subscription,
    /// Whether this request has created it.
    pub is_new: bool,
}

/// Create a temporary subscription, or continue with an existing one
///
/// Its messages are fetched. It is removed when no consumer has fetched messages for 7 days. The name of a new one begins with `listen/`,
/// which is added if it is missing, so that consumers cannot use up the names of other subscriptions.
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/listen",
    operation_id = "listen",
    tag = "messages",
    params(("name" = String, Path, description = "The name of the subscription")),
    request_body = ListenRequest,
    responses((status = 200, description = "The subscription", body = Listener))
)]
pub(super) async fn listen(
    operator: Authorized<Consume>,
    PathParameters([name]): PathParameters<1>,
    JsonBody(request): JsonBody<ListenRequest>,
) -> Result<Json<Listener>, Problem> {
    let subscriptions = Subscriptions::new(operator.pool().clone());
    let exists = async |name: &str| match subscriptions.find(name).await {
        Ok(_) => Ok(true),
        Err(SubscriptionError::NotFound { .. }) => Ok(false),
        Err(error) => Err(Problem::from(error)),
    };
    let name = if name.starts_with(LISTENER) || exists(&name).await? { name } else { format!("{LISTENER}{name}") };
    let is_new = !exists(&name).await? && create(&operator, &subscriptions, &name, &request).await?;
    let found = subscriptions.find(&name).await?;
    let conflict = |detail: String| Err(Problem::new(ProblemCode::Conflict).detail(detail));
    if found.handler != Some(HandlerDefinition::Pull) {
        return conflict(PullError::NotFetched { name }.to_string());
    }
    if request.filter.is_some() && request.filter != found.filter {
        return conflict(format!("the subscription `{name}` exists with another filter"));
    }
    Ok(Json(Listener { subscription: found.into(), is_new }))
}

/// Creates a temporary subscription. Returns false if another consumer has just created it.
async fn create(
    operator: &Authorized<Consume>,
    subscriptions: &Subscriptions,
    name: &str,
    request: &ListenRequest,
) -> Result<bool, Problem> {
    if subscriptions.list().await?.iter().filter(|one| one.is_temporary).count() >= MAX_TEMPORARY {
        return Err(Problem::new(ProblemCode::Conflict)
            .detail(format!("there are already {MAX_TEMPORARY} temporary subscriptions")));
    }
    let mut new = NewSubscription::new(name, HandlerDefinition::Pull);
    new.filter = request.filter.clone().unwrap_or_default();
    (new.is_temporary, new.since) = (true, request.since);
    let mut change = operator.begin().await?;
    match SubscriptionChanges::new(change.connection()).add(&new, None).await {
        Ok(()) => {}
        Err(SubscriptionError::NameInUse { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    let detail = json!({ "handler": new.handler, "filter": new.filter, "secrets": false, "temporary": true });
    change.commit("subscription.create", Some(name), &detail).await?;
    Ok(true)
}
