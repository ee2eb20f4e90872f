//! An answer that has arrived: refusals become errors, bodies become types, wrong shapes name the field.

use std::time::SystemTime;

use bytes::Bytes;
use eqp_types::{ApiError, Secret};
use http::HeaderMap;
use serde::de::DeserializeOwned;

use crate::error_body;

use crate::error::Error;
use crate::problem::Call;
use crate::redact::{self, KeptBody};
use crate::retry_after;

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) call: Call,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What of the request no error may show.
    pub(crate) hidden: Vec<Secret>,
}

impl Answer {
    /// The answer if it is a success, else the refusal that it is.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            // A proxy's page, which calls that need no body would take for a success.
            if redact::looks_like_markup(&self.body) {
                return Err(self.shape("", self.what_it_is_instead()));
            }
            // Some refusals come with HTTP 200, and would read as a record without any field.
            return match error_body::instead_of_an_answer(&self.body, self.call.endpoint.answers_items) {
                Some(said) => Err(self.refused(Some(said))),
                None => Ok(self),
            };
        }
        let said = serde_json::from_slice::<ApiError>(&self.body).ok();
        Err(self.refused(said))
    }

    /// The refusal that the answer is; `said` is its body, where that is one of the API's.
    fn refused(self, said: Option<ApiError>) -> Error {
        let body = self.kept();
        let code = said.as_ref().and_then(|said| said.code);
        let message = said.and_then(|said| said.message).map(|message| redact::without(message, &self.hidden));
        let mut message = message.unwrap_or_else(|| body.line());
        if let Some(location) = redact::location(&self.headers, &self.hidden).filter(|_| self.is_redirect()) {
            let told = if message.is_empty() { String::new() } else { format!(" ({message})") };
            message = format!("redirects to {location}, which is not followed{told}");
        }
        let retry_after = retry_after::asked(&self.headers, SystemTime::now());
        Error::Refused { call: self.call, status: self.status, code, message, retry_after, body }
    }

    fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status)
    }

    /// What of the body an error may keep.
    fn kept(&self) -> KeptBody {
        KeptBody::of(&self.body, self.call.endpoint.answers_secrets, &self.hidden)
    }

    /// The body as a `T`.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
        let read = serde_path_to_error::deserialize(&mut deserializer);
        let read = read.map_err(|error| (error.path().to_string(), error.into_inner()));
        let read = read.and_then(|value| deserializer.end().map(|()| value).map_err(|error| (String::new(), error)));
        read.map_err(|(field, error)| self.shape(&field, self.problem(&error)))
    }

    /// The error for a success of another shape than promised.
    pub(crate) fn shape(&self, field: &str, problem: String) -> Error {
        Error::Shape {
            call: self.call.clone(),
            status: self.status,
            field: if field == "." { String::new() } else { field.to_owned() },
            problem,
            body: self.kept(),
        }
    }

    /// The number in the header `X-Total-Count`.
    pub(crate) fn total_count(&self) -> Option<u64> {
        self.headers.get("x-total-count")?.to_str().ok()?.trim().parse().ok()
    }

    fn what_it_is_instead(&self) -> String {
        format!("it is not JSON but `{}`", self.kept().line())
    }

    /// What is wrong, in words that repeat no value of a secret answer.
    fn problem(&self, error: &serde_json::Error) -> String {
        if self.body.trim_ascii().is_empty() {
            return "it is empty".to_owned();
        }
        if error.is_syntax() || error.is_eof() {
            return self.what_it_is_instead();
        }
        let said = error.to_string();
        if self.call.endpoint.answers_secrets && !said.starts_with("missing field") {
            return "a value of another type than documented".to_owned();
        }
        redact::without(said, &self.hidden)
    }
}

#[cfg(test)]
mod tests {
    use eqp_types::{Package, SessionToken, UploadedFile};

    use super::*;
    use crate::endpoint::{self, Endpoint};

    fn answer(body: &'static str, endpoint: &'static Endpoint) -> Answer {
        let call = Call { endpoint, path: "/rest/v1/x".to_owned() };
        let body = Bytes::from_static(body.as_bytes());
        Answer { call, status: 200, headers: HeaderMap::new(), body, hidden: vec![Secret::new("hush")] }
    }

    fn text<T: DeserializeOwned>(body: &'static str) -> String {
        let Err(error) = answer(body, &endpoint::PACKAGES_GET).json::<T>() else { panic!("{body} was read") };
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
    fn a_secret_answer_of_a_wrong_shape_tells_no_secret() {
        for body in [
            r#""hush""#,
            r#"["hush"]"#,
            r#"{"ust": "hush"}"#,
            r#"{"ust": "hush", "mage_id": "M", "expires_in": "hush"}"#,
            "hush",
        ] {
            let Err(error) = answer(body, &endpoint::SESSION_TOKEN).json::<SessionToken>() else {
                panic!("{body} was read")
            };
            assert!(!error.to_string().contains("hush"), "{error}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }
}
