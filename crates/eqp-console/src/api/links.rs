//! Links with which a browser signs in to the pages: `/tokens/{name}/links`.

use std::fmt;

use axum::Json;
use eqp_store::internal::{ANSWER, operator_session, within};
use eqp_types::Secret;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exposed;
use crate::authorized::{Admin, ApiState, Authorized};
use crate::extract::PathParameters;
use crate::problem::Problem;
use crate::token::{NewSecret, SecretKind};

/// The path of the page on which a browser signs in.
const SIGN_IN: &str = "/sign-in";

/// Returns the route of sign-in links.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create))
}

/// A link with which a browser signs in, once. The session has the scopes of the token, and ends when the token is revoked.
#[derive(Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SignInLink {
    /// The path of the link, with the code in its fragment, which browsers do not send to servers.
    #[serde(serialize_with = "exposed")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub path: Secret,
    /// When the link becomes invalid.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub expires_at: OffsetDateTime,
}

impl fmt::Debug for SignInLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Create a link with which a browser signs in to the pages
#[utoipa::path(
    post,
    path = "/tokens/{name}/links",
    operation_id = "createSignInLink",
    tag = "tokens",
    params(("name" = String, Path, description = "The name of the token whose scopes the session has")),
    responses((status = 201, description = "The link, which is valid once and for 5 minutes", body = SignInLink))
)]
async fn create(
    operator: Authorized<Admin>,
    PathParameters([name]): PathParameters<1>,
) -> Result<(StatusCode, Json<SignInLink>), Problem> {
    let secret = NewSecret::generate()?;
    let mut change = operator.begin().await?;
    let hash = secret.hash();
    let created = within(ANSWER, operator_session::insert_code(change.connection(), &name, &hash)).await?;
    let Some(created) = created else {
        return Err(Problem::not_found(format!("there is no valid token named {name}")));
    };
    change.commit("token.link", Some(&name), &json!({})).await?;
    let code = secret.text(SecretKind::Code, created.id);
    let path = Secret::new(format!("{SIGN_IN}#{}", code.expose()));
    Ok((StatusCode::CREATED, Json(SignInLink { path, expires_at: created.expires_at })))
}
