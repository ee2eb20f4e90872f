//! Interprets a complete response: rejections become errors, bodies become types, and an unexpected body is reported with the field
//! that does not match.

use std::time::SystemTime;

use bytes::Bytes;
use eqp_types::calls::Answers;
use eqp_types::{ApiError, Secret};
use http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::error_body;
use crate::page::{Page, UnreadableRecord};
use crate::problem::Call;
use crate::redact::{self, KeptBody};
use crate::retry_after;

/// A complete response.
pub(crate) struct Answer {
    pub(crate) call: Call,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Secrets of the request, which no error may show.
    pub(crate) hidden: Vec<Secret>,
}

impl Answer {
    /// Returns the response if it is a success, otherwise the rejection that it contains.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            // The page of a proxy: calls that need no body would otherwise treat it as a success.
            if redact::looks_like_markup(&self.body) {
                return Err(self.unexpected("", self.not_json()));
            }
            // Some rejections come with HTTP 200 and would be read as a record without any field.
            return match error_body::instead_of_an_answer(&self.body, self.call.api_call.answers == Answers::Items) {
                Some(error) => Err(self.rejected(Some(error))),
                None => Ok(self),
            };
        }
        let error = serde_json::from_slice::<ApiError>(&self.body).ok();
        Err(self.rejected(error))
    }

    /// Converts the response into a rejection. `error` is its body, if that is an error body of the API.
    fn rejected(self, error: Option<ApiError>) -> Error {
        let body = self.kept();
        let code = error.as_ref().and_then(|error| error.code);
        let message = error.and_then(|error| error.message).map(|message| redact::without(message, &self.hidden));
        let mut message = message.unwrap_or_else(|| body.line());
        if let Some(location) = redact::location(&self.headers, &self.hidden).filter(|_| self.is_redirect()) {
            let reason = if message.is_empty() { String::new() } else { format!(" ({message})") };
            message = format!("redirects to {location}, which is not followed{reason}");
        }
        let retry_after = retry_after::requested_wait(&self.headers, SystemTime::now());
        Error::Rejected { call: self.call, status: self.status, code, message, retry_after, body }
    }

    fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status)
    }

    /// Returns the part of the body that an error may store.
    fn kept(&self) -> KeptBody {
        KeptBody::of(&self.body, self.call.api_call.answers_secrets, &self.hidden)
    }

    /// Deserializes the body.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
        let read = serde_path_to_error::deserialize(&mut deserializer);
        let read = read.map_err(|error| (error.path().to_string(), error.into_inner()));
        let read = read.and_then(|value| deserializer.end().map(|()| value).map_err(|error| (String::new(), error)));
        read.map_err(|(field, error)| self.unexpected(&field, self.problem(&error)))
    }

    /// Reads a list of which every record can be read. `offset` is the number of records before the page.
    pub(crate) fn readable_page<T: DeserializeOwned>(&self, offset: u64) -> Result<Page<T>, Error> {
        Ok(Page { items: self.json()?, unreadable: Vec::new(), offset, total: self.total_count() })
    }

    /// Reads a list whose records are deserialized one by one, so that a record that cannot be read does not affect the others. `offset` is
    /// the number of records before the page.
    pub(crate) fn page<T: DeserializeOwned>(&self, offset: u64) -> Result<Page<T>, Error> {
        let mut page = Page { items: Vec::new(), unreadable: Vec::new(), offset, total: self.total_count() };
        for (position, record) in (offset..).zip(self.json::<Vec<Box<RawValue>>>()?) {
            let read = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(record.get()));
            match read {
                Ok(item) => page.items.push(item),
                Err(error) => page.unreadable.push(UnreadableRecord {
                    position,
                    field: field_name(&error.path().to_string()),
                    problem: self.problem(error.inner()),
                    json: record.get().to_owned(),
                }),
            }
        }
        Ok(page)
    }

    /// Returns the error for a success whose body is not as documented.
    pub(crate) fn unexpected(&self, field: &str, problem: String) -> Error {
        Error::UnexpectedResponse {
            call: self.call.clone(),
            status: self.status,
            field: field_name(field),
            problem,
            body: self.kept(),
        }
    }

    /// Returns the number in the header `X-Total-Count`.
    pub(crate) fn total_count(&self) -> Option<u64> {
        self.headers.get("x-total-count")?.to_str().ok()?.trim().parse().ok()
    }

    fn not_json(&self) -> String {
        format!("it is not JSON but `{}`", self.kept().line())
    }

    /// Describes what is wrong, without repeating values of a response that contains secrets.
    fn problem(&self, error: &serde_json::Error) -> String {
        if self.body.trim_ascii().is_empty() {
            return "it is empty".to_owned();
        }
        if error.is_syntax() || error.is_eof() {
            return self.not_json();
        }
        let message = error.to_string();
        if self.call.api_call.answers_secrets && !message.starts_with("missing field") {
            return "a value has another type than documented".to_owned();
        }
        redact::without(without_rust(&message), &self.hidden)
    }
}

/// Returns the path of a field; serde's name of the whole value becomes empty.
fn field_name(path: &str) -> String {
    if path == "." { String::new() } else { path.to_owned() }
}

/// Removes the names of Rust types from a message of serde, and the position 0 that serde reports for a nested value.
fn without_rust(message: &str) -> String {
    let message = message.strip_suffix(" at line 1 column 0").unwrap_or(message);
    let Some((found, expected)) = message.rsplit_once(", expected struct ") else { return message.to_owned() };
    let rest = expected.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_');
    format!("{found}, expected an object{rest}")
}

#[cfg(test)]
mod tests {
    use eqp_types::{Package, SessionToken, UploadedFile};

    use super::*;
    use eqp_types::calls::{self, ApiCall};

    fn answer(body: &'static str, api_call: &'static ApiCall) -> Answer {
        let call = Call { api_call, path: "/rest/v1/x".to_owned() };
        let body = Bytes::from_static(body.as_bytes());
        Answer { call, status: 200, headers: HeaderMap::new(), body, hidden: vec![Secret::new("hush")] }
    }

    fn text<T: DeserializeOwned>(body: &'static str) -> String {
        let Err(error) = answer(body, &calls::PACKAGES_GET).json::<T>() else { panic!("{body} was read") };
        error.to_string()
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let error = text::<Vec<UploadedFile>>(r#"[{"file_upload_id": "1"}, {"file_upload_id": "2", "size": "big"}]"#);
        assert!(error.contains("at `[1].size`"), "{error}");
        let error = text::<Vec<UploadedFile>>(r#"[{"filename": "a.zip"}]"#);
        assert!(error.contains("missing field `file_upload_id`") && error.contains("at `[0]`"), "{error}");
        let error = text::<Package>(r#"{"sku": {"a": 1}}"#);
        assert!(error.contains("at `sku`"), "{error}");
    }

    #[test]
    fn what_is_no_json_is_shown_in_short() {
        assert!(text::<Package>("<html><title>Login</title>").contains("not JSON but `Login`"));
        assert!(text::<Package>(" ").contains("it is empty"));
        assert!(text::<Package>("{} trailing").contains("not JSON"));
    }

    #[test]
    fn a_secret_response_of_a_wrong_shape_shows_no_secret() {
        for body in [
            r#""hush""#,
            r#"["hush"]"#,
            r#"{"ust": "hush"}"#,
            r#"{"ust": "hush", "mage_id": "M", "expires_in": "hush"}"#,
            "hush",
        ] {
            let Err(error) = answer(body, &calls::SESSION_TOKEN).json::<SessionToken>() else {
                panic!("{body} was read")
            };
            assert!(!error.to_string().contains("hush"), "{error}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }

    #[test]
    fn no_type_of_ours_is_named() {
        for (said, words) in [
            (
                "invalid type: null, expected struct Package at line 1 column 0",
                "invalid type: null, expected an object",
            ),
            (
                "invalid type: null, expected struct Package at line 2 column 7",
                "invalid type: null, expected an object at line 2 column 7",
            ),
            ("missing field `id` at line 1 column 2", "missing field `id` at line 1 column 2"),
        ] {
            assert_eq!(without_rust(said), words);
        }
    }
}
