//! Reads bodies, IDs and parameters of requests, with errors that name the most similar valid word.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::error::nearest;
use crate::fault::read_duration;
use crate::shared::Shared;

/// The member that is sent on byte for byte: as a [`Value`], a long number would lose digits.
const BODY: &str = "body";

/// The members of a JSON body.
#[derive(Default)]
pub(super) struct RequestBody {
    members: Map<String, Value>,
    body: Option<Box<RawValue>>,
}

impl RequestBody {
    /// Rejects members that are not in `known`.
    pub(super) fn only(self, known: &[&'static str]) -> Result<Self, Problem> {
        let body = self.body.as_ref().map(|_| BODY);
        match self.members.keys().map(String::as_str).chain(body).find(|name| !known.contains(name)) {
            None => Ok(self),
            Some(name) => {
                Err(Problem::invalid(format!("unknown field `{name}`")).nearest(nearest(name, known.iter().copied())))
            }
        }
    }

    /// Returns a text member.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::invalid(format!("`{name}` must be text"))),
        }
    }

    /// Returns a required text member.
    pub(super) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.text(name)?.ok_or_else(|| Problem::invalid(format!("`{name}` is missing")))
    }

    /// Returns the value of a member that is one of some words; `None` if it is missing.
    pub(super) fn one_of<T: Copy>(&self, name: &str, words: &[(&'static str, T)]) -> Result<Option<T>, Problem> {
        self.text(name)?.map(|text| one_of(name, text, words)).transpose()
    }

    /// Returns a list of texts; empty if it is missing.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Problem> {
        let wrong = || Problem::invalid(format!("`{name}` must be a list of texts"));
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    /// Returns the member `body` as it was written.
    pub(super) fn body(&self) -> Option<&RawValue> {
        self.body.as_deref()
    }
}

/// Returns the value of a word.
pub(super) fn one_of<T: Copy>(name: &str, text: &str, words: &[(&'static str, T)]) -> Result<T, Problem> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        Problem::invalid(format!("`{text}` is not a valid value of `{name}`"))
            .nearest(nearest(text, words.iter().map(|(word, _)| *word)))
    })
}

impl FromRequest<Arc<Shared>> for RequestBody {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, shared).await;
        let body = body.map_err(|rejection| Problem::unreadable(rejection.body_text()))?;
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let not_json = |error| Problem::unreadable(format!("the body is not JSON: {error}"));
        if !body.trim_ascii().starts_with(b"{") {
            return Err(match serde_json::from_slice::<&RawValue>(&body) {
                Ok(_) => Problem::unreadable("the body must be a JSON object"),
                Err(error) => not_json(error),
            });
        }
        let mut raw: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&body).map_err(not_json)?;
        let body = raw.remove(BODY);
        let mut members = Map::new();
        for (name, value) in raw {
            members.insert(name, serde_json::from_str(value.get()).map_err(not_json)?);
        }
        Ok(Self { members, body })
    }
}

/// The ID in a path.
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
    /// Parses the ID.
    pub(super) fn read<T: FromStr>(&self, what: &str) -> Result<T, Problem> {
        self.0.parse().map_err(|_| Problem::not_found(format!("there is no {what} {}", self.0)))
    }
}

/// The parameters of the query; unknown ones are rejected.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Shared>> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Query(parameters) = Query::from_request_parts(parts, shared)
            .await
            .map_err(|rejection| Problem::invalid(rejection.body_text()))?;
        Ok(Self(parameters))
    }
}

/// The longest `wait`.
const LONGEST: Duration = Duration::from_mins(5);

/// Reads a `wait`, such as `30s`.
pub(super) fn patience(wait: Option<&str>) -> Result<Duration, Problem> {
    match wait {
        None => Ok(Duration::ZERO),
        Some(text) => read_duration(text).filter(|wait| *wait <= LONGEST).ok_or_else(|| {
            Problem::invalid(format!("`{text}` is not a valid `wait`; use a duration up to 5m, such as 500ms or 30s"))
        }),
    }
}

/// Calls `look` after every change until it returns a value, for at most `patience`.
pub(super) async fn until<T>(shared: &Shared, patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let mut revision = shared.revision.subscribe();
    let watching = async {
        loop {
            revision.mark_unchanged();
            if let Some(seen) = look() {
                return Some(seen);
            }
            if revision.changed().await.is_err() {
                return None;
            }
        }
    };
    tokio::time::timeout(patience, watching).await.ok().flatten()
}
