//! Extractors whose errors are problems: parameters of the query and of the path.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The parameters of the query. Unknown and repeated parameters are errors, because a misspelled filter would match everything.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded(query));
        T::deserialize(deserializer).map(Self).map_err(|error| Problem::invalid(error.to_string()))
    }
}

fn form_urlencoded(query: &str) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(query.as_bytes())
}

/// The only parameter of the path.
pub(crate) struct PathParameter<T>(pub(crate) T);

impl<T: std::str::FromStr, S: Send + Sync> FromRequestParts<S> for PathParameter<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::invalid("the path is not UTF-8"))?;
        let value = parameters.iter().next().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let Some((name, value)) = value else { return Err(Problem::invalid("the path has no parameter")) };
        if value.contains('\0') {
            return Err(Problem::invalid(format!("{name} contains a NUL character")));
        }
        value.parse().map(Self).map_err(|_| Problem::invalid(format!("{name} in the path is invalid")))
    }
}

/// Checks the limit of a list.
pub(crate) fn checked_limit(limit: u32) -> Result<(), Problem> {
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(());
    }
    Err(Problem::invalid(format!("limit is not in the range 1 to {MAX_LIMIT}")))
}

/// The maximum number of rows of a list.
const MAX_LIMIT: u32 = 10_000;
