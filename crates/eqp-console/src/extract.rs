//! Extractors whose errors are problems: parameters of the query and of the path.

use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use crate::problem::{Problem, ProblemCode};

/// The parameters of the query. Unknown and repeated parameters are errors, because a misspelled filter would match everything.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        if query.contains("%00") {
            return Err(Problem::invalid("the query contains a NUL character"));
        }
        read_parameters(query.as_bytes()).map(Self)
    }
}

/// Reads parameters. Errors name the parameter.
pub(crate) fn read_parameters<T: DeserializeOwned>(encoded: &[u8]) -> Result<T, Problem> {
    let deserializer = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(encoded));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let parameter = error.path().to_string();
        let reason = error.into_inner();
        // The path is `.` if the error is not about one parameter, or if the reason names it.
        let reason = in_plain_words(&reason.to_string());
        Problem::invalid(if parameter == "." { reason } else { format!("{parameter}: {reason}") })
    })
}

/// Says in words of users what a parser reports in those of programmers.
fn in_plain_words(reason: &str) -> String {
    const WORDS: [(&str, &str); 12] = [
        ("invalid digit found in string", "it is not a whole number"),
        ("cannot parse integer from empty string", "it is empty"),
        ("number too large to fit in target type", "the number is too large"),
        ("number too small to fit in target type", "the number is too small"),
        ("provided string was not `true` or `false`", "it is neither true nor false"),
        ("EOF while parsing", "the body ends while reading"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
        ("expected a borrowed string", "expected a text"),
        ("expected a string", "expected a text"),
        ("unknown variant", "unknown value"),
        ("invalid type: ", "wrong type: "),
    ];
    let mut text = WORDS.iter().fold(reason.to_owned(), |text, (jargon, words)| text.replace(jargon, words));
    for number in ["u64", "u32", "i64", "i32", "usize"] {
        text = text.replace(&format!("expected {number}"), "expected a whole number");
    }
    text
}

/// Reads a number in a path. `of` is the object that has the number, such as `event`.
pub(crate) fn whole_number(text: &str, of: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::invalid(format!("the number of the {of} is not a whole number")))
}

/// Reads a UUID in a path. `of` is the object that has the ID, such as `callback`.
pub(crate) fn uuid(text: &str, of: &str) -> Result<Uuid, Problem> {
    // Other spellings, such as those in braces, would give one callback several addresses.
    let id = Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string().eq_ignore_ascii_case(text));
    id.ok_or_else(|| Problem::invalid(format!("the ID of the {of} is not a UUID")))
}

/// The parameters of the path, decoded, in their order.
pub(crate) struct PathParameters<const N: usize>(pub(crate) [String; N]);

impl<const N: usize, S: Send + Sync> FromRequestParts<S> for PathParameters<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|_| Problem::invalid("the path is not UTF-8"))?;
        let values: Vec<String> = parameters.iter().map(|(_, value)| value.to_owned()).collect();
        if values.iter().any(|value| value.contains('\0')) {
            return Err(Problem::invalid("the path contains a NUL character"));
        }
        values.try_into().map(Self).map_err(|_| Problem::invalid("the path has an unexpected number of parameters"))
    }
}

/// The body of a request as JSON. Unknown fields are errors if the type says so.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // A form of another site can be sent as text, but not as JSON.
        if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
            return Err(Problem::new(ProblemCode::UnsupportedMediaType));
        }
        let body = in_time(Bytes::from_request(request, state)).await?.map_err(|error: BytesRejection| {
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(ProblemCode::TooLarge)
            } else {
                Problem::invalid("the body could not be read")
            }
        })?;
        // Postgres cannot store it in a text.
        if contains_nul(&body) {
            return Err(Problem::invalid("the body contains a NUL character"));
        }
        // Otherwise an array would be read as the fields of the body in their order.
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Problem::invalid("the body is not a JSON object"));
        }
        serde_json::from_slice(&body).map(Self).map_err(|error| Problem::invalid(in_plain_words(&error.to_string())))
    }
}

/// The time limit for reading a body, which has at most 64 KiB.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Reads a body within the time limit.
pub(crate) async fn in_time<T>(reading: impl Future<Output = T>) -> Result<T, Problem> {
    timeout(BODY_DEADLINE, reading).await.map_err(|_elapsed| Problem::new(ProblemCode::TooSlow))
}

/// Returns whether JSON contains a NUL character. An escaped backslash before `u0000` makes it a text of six characters.
fn contains_nul(json: &[u8]) -> bool {
    const NUL: &[u8] = b"u0000";
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let after = &rest[at + 1..];
        if after.starts_with(NUL) {
            return true;
        }
        // The character after a backslash belongs to it.
        rest = after.get(1..).unwrap_or_default();
    }
    false
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_nul_character_is_one() {
        for (json, expected) in [
            (r#"{"a": "\u0000"}"#, true),
            (r#"{"a": "\\\u0000"}"#, true),
            (r#"{"a": "\\u0000"}"#, false),
            (r#"{"a": "\\"}"#, false),
            (r#"{"a": "u0000\""#, false),
            ("\\", false),
        ] {
            assert_eq!(contains_nul(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn errors_of_parsers_are_in_plain_words() {
        for (jargon, words) in [
            ("invalid digit found in string", "it is not a whole number"),
            (
                "invalid type: string \"x\", expected u64 at line 1 column 9",
                "wrong type: string \"x\", expected a whole number at line 1 column 9",
            ),
            ("invalid type: integer `1`, expected a sequence", "wrong type: integer `1`, expected a list"),
            ("unknown field `x`", "unknown field `x`"),
        ] {
            assert_eq!(in_plain_words(jargon), words);
        }
    }
}
