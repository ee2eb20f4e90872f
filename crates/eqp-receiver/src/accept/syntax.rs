//! Checks whether a body is JSON. Its content is interpreted later, by the projector.

use eqp_types::{MAX_JSON_DEPTH, is_nested_too_deep};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use serde::de::IgnoredAny;

/// The reason why a body is not accepted as JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotJson {
    Empty,
    /// The body is compressed. It is stored unchanged: decompressing would let a small body use a lot of memory, and no
    /// documented callback is compressed.
    Compressed,
    NotUtf8,
    Malformed {
        line: usize,
        column: usize,
    },
    TooDeep,
}

impl std::fmt::Display for NotJson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("the body is empty"),
            Self::Compressed => f.write_str("the body is compressed, which is not supported"),
            Self::NotUtf8 => f.write_str("the body is not UTF-8"),
            Self::Malformed { line, column } => {
                write!(f, "the body is not JSON: see line {line}, column {column}")
            }
            Self::TooDeep => write!(f, "the body is nested deeper than {MAX_JSON_DEPTH} levels"),
        }
    }
}

/// Checks a body. Bodies that are not JSON are stored as well, but answered 400.
pub(crate) fn check(body: &[u8], headers: &HeaderMap) -> Result<(), NotJson> {
    // A body that is JSON is accepted even if a header wrongly declares an encoding.
    check_text(body).map_err(|reason| if is_encoded(headers) { NotJson::Compressed } else { reason })
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn check_text(body: &[u8]) -> Result<(), NotJson> {
    if body.is_empty() {
        return Err(NotJson::Empty);
    }
    let text = std::str::from_utf8(body).map_err(|_| NotJson::NotUtf8)?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| NotJson::Malformed { line: error.line(), column: error.column() })?;
    if is_nested_too_deep(body) { Err(NotJson::TooDeep) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_all_json() {
        let deepest = format!("{}{}", "[".repeat(MAX_JSON_DEPTH), "]".repeat(MAX_JSON_DEPTH));
        let two_of_the_deepest = format!("{}[],[]{}", "[".repeat(MAX_JSON_DEPTH - 1), "]".repeat(MAX_JSON_DEPTH - 1));
        let brackets_in_text = format!(r#"["\"{}"]"#, "[".repeat(500));
        let long_and_flat = format!("[{}{{}}]", "[],".repeat(500));
        for body in [
            "{}",
            "[]",
            "null",
            " 1e999 ",
            r#""\u0000""#,
            r#"{"update_info": 1}"#,
            &deepest,
            &two_of_the_deepest,
            &brackets_in_text,
            &long_and_flat,
        ] {
            assert_eq!(check(body.as_bytes(), &HeaderMap::new()), Ok(()), "{body}");
        }
    }

    #[test]
    fn rejects_everything_else() {
        let unclosed = "[".repeat(100_000);
        let deep = format!("{unclosed}{}", "]".repeat(100_000));
        let closed_in_text_only = format!(r#"[["]]]]",{}{}]]"#, "[".repeat(MAX_JSON_DEPTH), "]".repeat(MAX_JSON_DEPTH));
        for (body, reason) in [
            (b"" as &[u8], NotJson::Empty),
            (b"{\"a\": \"\xff\"}", NotJson::NotUtf8),
            (b"callback_event=x", NotJson::Malformed { line: 1, column: 1 }),
            (b"{} {}", NotJson::Malformed { line: 1, column: 4 }),
            (unclosed.as_bytes(), NotJson::Malformed { line: 1, column: 100_000 }),
            (deep.as_bytes(), NotJson::TooDeep),
            (closed_in_text_only.as_bytes(), NotJson::TooDeep),
        ] {
            assert_eq!(check(body, &HeaderMap::new()), Err(reason));
        }
    }

    #[test]
    fn a_compressed_body_is_reported_as_compressed() {
        for (encoding, error) in [("gzip", NotJson::Compressed), ("Identity", NotJson::NotUtf8)] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, encoding.parse().unwrap())]);
            assert_eq!(check(b"\x1f\x8b\x08", &headers), Err(error));
            assert_eq!(check(b"{}", &headers), Ok(()));
        }
    }
}
