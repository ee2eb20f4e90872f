//! The filters of a page, in its query.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::context::{DONE, LIVE};
use crate::extract::read_parameters;
use crate::problem::Problem;

/// The filters of a page. Forms also send the fields that were left empty, so these count as missing; any other parameter that is unknown,
/// repeated or malformed is an error, as in the API.
pub(super) struct PageQuery<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for PageQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if value.contains('\0') {
                return Err(Problem::invalid(format!("{name}: contains a NUL character")));
            }
            if name != LIVE && name != DONE && !value.is_empty() {
                encoded.append_pair(&name, &value);
            }
        }
        read_parameters(encoded.finish().as_bytes()).map(Self)
    }
}
