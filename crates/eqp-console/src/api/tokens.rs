//! Tokens: `/tokens`.

use std::collections::BTreeSet;
use std::fmt;

use axum::Json;
use eqp_store::internal::{ANSWER, StoredToken, operator_token, submission_link, within};
use eqp_types::Secret;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exposed;
use crate::authorized::{Admin, ApiState, Authorized};
use crate::extract::{JsonBody, PathParameters};
use crate::principal::{Principal, Scope};
use crate::problem::{Problem, ProblemCode};
use crate::token::{NewSecret, SecretKind};

/// The maximum length of a name.
const MAX_NAME: usize = 100;

/// Returns the routes of tokens.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// A token of the operator service, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Token {
    /// The number of the token, which is part of its text.
    pub id: i64,
    /// The name. No two tokens that are not revoked have the same.
    pub name: String,
    /// The operations that the token allows.
    pub scopes: Vec<Scope>,
    /// When the token was created.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub created_at: OffsetDateTime,
    /// When the token becomes invalid, or null if it does not expire.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub expires_at: Option<OffsetDateTime>,
    /// When the token was last used, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub last_used_at: Option<OffsetDateTime>,
    /// When the token was revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub revoked_at: Option<OffsetDateTime>,
}

impl From<StoredToken> for Token {
    fn from(token: StoredToken) -> Self {
        let StoredToken { id, name, scopes, created_at, expires_at, last_used_at, revoked_at } = token;
        // A scope of a newer version allows nothing here.
        let scopes = scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
        Self { id, name, scopes, created_at, expires_at, last_used_at, revoked_at }
    }
}

/// All tokens that are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TokenList {
    /// The tokens, newest first.
    pub tokens: Vec<Token>,
}

/// A token to create.
///
/// ```
/// use eqp_console::{NewToken, Scope};
///
/// let token = NewToken::new("dashboard", [Scope::Read]);
/// assert_eq!(token.expires_at, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NewToken {
    /// The name: at most 100 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The operations that the token allows.
    pub scopes: BTreeSet<Scope>,
    /// When the token becomes invalid. By default it does not expire.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub expires_at: Option<OffsetDateTime>,
}

impl NewToken {
    /// Creates a token that does not expire.
    pub fn new(name: impl Into<String>, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { name: name.into(), scopes: scopes.into_iter().collect(), expires_at: None }
    }

    /// Sets the time at which the token becomes invalid.
    #[must_use]
    pub fn expires_at(self, at: OffsetDateTime) -> Self {
        Self { expires_at: Some(at), ..self }
    }

    fn check(&self) -> Result<(), Problem> {
        if !is_name(&self.name) {
            return Err(Problem::invalid("the name must have 1 to 100 letters, digits, `-`, `_` and `.`"));
        }
        if self.scopes.is_empty() {
            return Err(Problem::invalid("the token has no scope; choose at least one"));
        }
        if self.expires_at.is_some_and(|at| at <= OffsetDateTime::now_utc()) {
            return Err(Problem::invalid("the token would be expired already: its end is in the past"));
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    // `.` and `..` cannot be parts of a URL.
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().any(|byte| byte != b'.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A token that was just created, with its secret, which is not returned again.
#[derive(Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CreatedToken {
    /// The token.
    pub token: Token,
    /// The text that requests send in the header `Authorization: Bearer …`.
    #[serde(serialize_with = "exposed")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub secret: Secret,
}

impl fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedToken").field("token", &self.token).finish_non_exhaustive()
    }
}

/// List tokens
#[utoipa::path(
    get,
    path = "/tokens",
    operation_id = "listTokens",
    tag = "tokens",
    responses((status = 200, description = "All tokens, including revoked ones, for 400 days", body = TokenList))
)]
async fn list(operator: Authorized<Admin>) -> Result<Json<TokenList>, Problem> {
    let tokens = within(ANSWER, operator_token::list(operator.pool())).await?;
    Ok(Json(TokenList { tokens: tokens.into_iter().map(Token::from).collect() }))
}

/// Create a token
#[utoipa::path(
    post,
    path = "/tokens",
    operation_id = "createToken",
    tag = "tokens",
    request_body = NewToken,
    responses((status = 201, description = "The token with its secret, which is not returned again", body = CreatedToken))
)]
async fn create(
    operator: Authorized<Admin>,
    JsonBody(new): JsonBody<NewToken>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    new.check()?;
    let secret = NewSecret::generate()?;
    let scopes: Vec<String> = new.scopes.iter().map(ToString::to_string).collect();
    let mut change = operator.begin().await?;
    let hash = secret.hash();
    let insert = operator_token::insert(change.connection(), &new.name, &scopes, &hash, new.expires_at);
    let Some(token) = within(ANSWER, insert).await? else {
        return Err(Problem::new(ProblemCode::Conflict).detail(format!("a token named {} exists", new.name)));
    };
    change.commit("token.create", Some(&new.name), &new).await?;
    let secret = secret.text(SecretKind::Token, token.id);
    Ok((StatusCode::CREATED, Json(CreatedToken { token: token.into(), secret })))
}

/// Revoke a token
///
/// Its sessions end, and the links to submissions that were created with it are revoked.
#[utoipa::path(
    delete,
    path = "/tokens/{name}",
    operation_id = "revokeToken",
    tag = "tokens",
    params(("name" = String, Path, description = "The name of the token")),
    responses((status = 204, description = "The token is no longer valid"))
)]
async fn revoke(operator: Authorized<Admin>, PathParameters([name]): PathParameters<1>) -> Result<StatusCode, Problem> {
    let mut change = operator.begin().await?;
    let revoked = within(ANSWER, operator_token::revoke(change.connection(), &name)).await?;
    let Some(id) = revoked else {
        return Err(Problem::not_found(format!("there is no token named {name} that is not revoked")));
    };
    // The holder of the token may have created links with it, whose secrets are known to others.
    let created_by = Principal::Token { id, name: name.clone(), scopes: Vec::new() }.to_string();
    let links = within(ANSWER, submission_link::revoke_of(change.connection(), &created_by)).await?;
    let details = serde_json::json!({ "id": id, "submission_links": links });
    change.commit("token.revoke", Some(&name), &details).await?;
    Ok(StatusCode::NO_CONTENT)
}
