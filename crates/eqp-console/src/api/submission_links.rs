//! Links with which people outside read the page of one submission: `/submission-links`.

use std::fmt;

use axum::Json;
use eqp_store::internal::{ANSWER, StoredSubmissionLink, status_facts, submission_link, within};
use eqp_types::{Environment, MageId, Secret};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exposed;
use super::reviews::checked_submission;
use crate::authorized::{Admin, ApiState, Authorized};
use crate::extract::{JsonBody, PathParameters, whole_number};
use crate::problem::{Problem, ProblemCode};
use crate::token::{NewSecret, SecretKind};

/// The path of the page that a link opens.
const SHARED: &str = "/shared";
/// The time for which a link is valid by default, and the longest that is allowed.
const USUAL: Duration = Duration::days(7);
pub(crate) const LONGEST: Duration = Duration::days(90);

/// Returns the routes of links to submissions.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// A link to the page of a submission, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubmissionLink {
    /// The number of the link, which is part of it.
    pub id: i64,
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The ID of the submission, the only one that the link shows.
    pub submission_id: String,
    /// When the link was created.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub created_at: OffsetDateTime,
    /// The caller who created it, such as `token ci`.
    pub created_by: String,
    /// When the link becomes invalid.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub expires_at: OffsetDateTime,
    /// When the link was last used, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub last_used_at: Option<OffsetDateTime>,
    /// When the link was revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub revoked_at: Option<OffsetDateTime>,
}

impl From<StoredSubmissionLink> for SubmissionLink {
    fn from(link: StoredSubmissionLink) -> Self {
        Self {
            id: link.id,
            environment: link.environment,
            mage_id: link.mage_id,
            submission_id: link.submission_id,
            created_at: link.created_at,
            created_by: link.created_by,
            expires_at: link.expires_at,
            last_used_at: link.last_used_at,
            revoked_at: link.revoked_at,
        }
    }
}

/// All links to submissions that are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubmissionLinkList {
    /// The links, newest first.
    pub links: Vec<SubmissionLink>,
}

/// A link to create.
///
/// ```
/// use eqp_console::NewSubmissionLink;
///
/// let link = NewSubmissionLink::new("s5w9k703ru").valid_seconds(3_600);
/// assert_eq!(link.environment, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NewSubmissionLink {
    /// The ID of the submission.
    pub submission_id: String,
    /// The environment of the submission. Required if accounts of both have one with this ID.
    #[serde(default)]
    pub environment: Option<Environment>,
    /// The account of the submission. Required if several accounts have one with this ID.
    #[serde(default)]
    pub mage_id: Option<MageId>,
    /// The number of seconds for which the link is valid: 7 days by default, and at most 90 days.
    #[serde(default)]
    pub valid_seconds: Option<u64>,
}

impl NewSubmissionLink {
    /// Creates a link to a submission, which is valid for 7 days.
    pub fn new(submission_id: impl Into<String>) -> Self {
        Self { submission_id: submission_id.into(), environment: None, mage_id: None, valid_seconds: None }
    }

    /// Selects the environment of the submission.
    #[must_use]
    pub fn environment(self, environment: Option<Environment>) -> Self {
        Self { environment, ..self }
    }

    /// Sets the number of seconds for which the link is valid.
    #[must_use]
    pub fn valid_seconds(self, seconds: u64) -> Self {
        Self { valid_seconds: Some(seconds), ..self }
    }

    /// Returns the time for which the link is valid.
    fn valid_for(&self) -> Result<Duration, Problem> {
        let Some(seconds) = self.valid_seconds else { return Ok(USUAL) };
        let duration = i64::try_from(seconds).ok().map(Duration::seconds);
        duration
            .filter(|duration| duration.is_positive() && *duration <= LONGEST)
            .ok_or_else(|| Problem::invalid("valid_seconds is not in the range 1 to 7776000 (90 days)"))
    }
}

/// A link that was just created.
#[derive(Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CreatedSubmissionLink {
    /// The link.
    pub link: SubmissionLink,
    /// The path of the page, with the secret in its fragment, which browsers do not send to servers. It is not returned again.
    #[serde(serialize_with = "exposed")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub path: Secret,
}

impl fmt::Debug for CreatedSubmissionLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedSubmissionLink").field("link", &self.link).finish_non_exhaustive()
    }
}

/// List links to submissions
#[utoipa::path(
    get,
    path = "/submission-links",
    operation_id = "listSubmissionLinks",
    tag = "submissions",
    responses((status = 200, description = "All links, including those that have expired or were revoked, for 400 days", body = SubmissionLinkList))
)]
async fn list(operator: Authorized<Admin>) -> Result<Json<SubmissionLinkList>, Problem> {
    let links = within(ANSWER, submission_link::list(operator.pool())).await?;
    Ok(Json(SubmissionLinkList { links: links.into_iter().map(SubmissionLink::from).collect() }))
}

/// Create a read-only link to a submission
///
/// People outside open it without a token. It shows this submission only, and nothing internal.
#[utoipa::path(
    post,
    path = "/submission-links",
    operation_id = "createSubmissionLink",
    tag = "submissions",
    request_body = NewSubmissionLink,
    responses((status = 201, description = "The link with its secret, which is not returned again", body = CreatedSubmissionLink))
)]
async fn create(
    operator: Authorized<Admin>,
    JsonBody(new): JsonBody<NewSubmissionLink>,
) -> Result<(StatusCode, Json<CreatedSubmissionLink>), Problem> {
    checked_submission(&new.submission_id)?;
    let expires_at = OffsetDateTime::now_utc() + new.valid_for()?;
    let mut accounts = within(ANSWER, status_facts::accounts(operator.pool(), new.environment)).await?;
    accounts.retain(|account| new.mage_id.as_ref().is_none_or(|wanted| *wanted == account.mage_id));
    let ids: Vec<i64> = accounts.iter().map(|account| account.account.0).collect();
    let id = &new.submission_id;
    let found = within(ANSWER, status_facts::of_submission(operator.pool(), &ids, id)).await?;
    let submission = match &found[..] {
        [only] => only,
        [] => return Err(Problem::not_found(format!("no callback for submission {id} has been received"))),
        several => {
            let count = several.len();
            let detail = format!("{count} accounts have a submission {id}: select one by environment and mage_id");
            return Err(Problem::new(ProblemCode::Conflict).detail(detail));
        }
    };
    let account = accounts.into_iter().find(|account| account.account == submission.account);
    let account = account.ok_or_else(|| Problem::not_found(format!("the account of submission {id} is gone")))?;
    let (secret, created_by) = (NewSecret::generate()?, operator.principal().to_string());
    let mut change = operator.begin().await?;
    let hash = secret.hash();
    let insert = submission_link::insert(change.connection(), account.account, id, &hash, &created_by, expires_at);
    let created = within(ANSWER, insert).await?;
    let link = SubmissionLink {
        id: created.id,
        environment: account.environment,
        mage_id: account.mage_id,
        submission_id: id.clone(),
        created_at: created.created_at,
        created_by,
        expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    change.commit("submission_link.create", Some(id), &link).await?;
    let secret = secret.text(SecretKind::Link, created.id);
    let path = Secret::new(format!("{SHARED}#{}", secret.expose()));
    Ok((StatusCode::CREATED, Json(CreatedSubmissionLink { link, path })))
}

/// Revoke a link to a submission
#[utoipa::path(
    delete,
    path = "/submission-links/{id}",
    operation_id = "revokeSubmissionLink",
    tag = "submissions",
    params(("id" = i64, Path, description = "The number of the link")),
    responses((status = 204, description = "The link is no longer valid"))
)]
async fn revoke(operator: Authorized<Admin>, PathParameters([id]): PathParameters<1>) -> Result<StatusCode, Problem> {
    let id = whole_number(&id, "link")?;
    let mut change = operator.begin().await?;
    let revoked = within(ANSWER, submission_link::revoke(change.connection(), id)).await?;
    let Some(submission) = revoked else {
        return Err(Problem::not_found(format!("there is no valid link {id}")));
    };
    change.commit("submission_link.revoke", Some(&submission), &json!({ "id": id })).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_valid_for_at_most_90_days() {
        let valid = |seconds| NewSubmissionLink { valid_seconds: seconds, ..NewSubmissionLink::new("s1") }.valid_for();
        assert_eq!(valid(None).unwrap(), Duration::days(7));
        assert_eq!(valid(Some(7_776_000)).unwrap(), LONGEST);
        for wrong in [0, 7_776_001, u64::MAX] {
            assert!(valid(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
