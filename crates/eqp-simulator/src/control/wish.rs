//! What is asked for: bodies, ids and words, read with refusals that help.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::nearest::nearest;
use crate::shared::Shared;

/// The members of a JSON body, all of them known.
pub(super) struct Wish(Map<String, Value>);

impl Wish {
    /// Refuses members that `known` does not name.
    pub(super) fn only(self, known: &[&'static str]) -> Result<Self, Problem> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(self),
            Some(name) => Err(Problem::word(format!("`{name}` is no member of this request"))
                .nearest(nearest(name, known.iter().copied()))),
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::word(format!("`{name}` must be text"))),
        }
    }

    /// A text that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<&str, Problem> {
        self.text(name)?.ok_or_else(|| Problem::word(format!("`{name}` is missing")))
    }

    /// One of some words; none where it is not there.
    pub(super) fn one_of<T: Copy>(&self, name: &str, words: &[(&'static str, T)]) -> Result<Option<T>, Problem> {
        self.text(name)?.map(|text| one_of(name, text, words)).transpose()
    }

    /// A list of texts, empty where it is not there.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Problem> {
        let wrong = || Problem::word(format!("`{name}` must be a list of texts"));
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    /// Whatever is there.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// The value of a word.
pub(super) fn one_of<T: Copy>(name: &str, text: &str, words: &[(&'static str, T)]) -> Result<T, Problem> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        Problem::word(format!("`{text}` cannot be `{name}`"))
            .nearest(nearest(text, words.iter().map(|(word, _)| *word)))
    })
}

impl FromRequest<Arc<Shared>> for Wish {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, shared).await;
        let body = body.map_err(|rejection| Problem::unreadable(rejection.body_text()))?;
        if body.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Problem::unreadable("the body must be a JSON object")),
            Err(error) => Err(Problem::unreadable(format!("the body is not JSON: {error}"))),
        }
    }
}

/// The id of a path.
pub(super) struct Id(pub(super) String);

impl FromRequestParts<Arc<Shared>> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Path(id) = Path::from_request_parts(parts, shared)
            .await
            .map_err(|rejection| Problem::unreadable(rejection.body_text()))?;
        Ok(Self(id))
    }
}

impl Id {
    /// The id as what it must be.
    pub(super) fn read<T: FromStr>(&self, what: &str) -> Result<T, Problem> {
        self.0.parse().map_err(|_| Problem::not_found(format!("there is no {what} {}", self.0)))
    }
}

/// The parameters of the query, all of them known.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Shared>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Query(asked) =
            Query::from_request_parts(parts, shared).await.map_err(|rejection| Problem::word(rejection.body_text()))?;
        Ok(Self(asked))
    }
}
