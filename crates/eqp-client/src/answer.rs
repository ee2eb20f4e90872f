//! An answer that has arrived: refusals become errors, bodies become types, wrong shapes name the field.

use std::time::Duration;

use bytes::Bytes;
use eqp_types::{ApiError, Secret};
use http::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;

use crate::error::{Call, Error};
use crate::redact::KeptBody;

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) call: Call,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Nothing of the body may be kept.
    pub(crate) answers_secrets: bool,
}

impl Answer {
    /// The answer if it is a success, else the refusal that it is; `secret` never appears in that.
    pub(crate) fn checked(self, secret: &Secret) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let body = KeptBody::of(&self.body, self.answers_secrets, &[secret.expose()]);
        let said = serde_json::from_slice::<ApiError>(&self.body).ok();
        let code = said.as_ref().and_then(|said| said.code);
        let message = said.and_then(|said| said.message).unwrap_or_else(|| body.line());
        let message = message.replace(secret.expose(), "[secret]");
        let retry_after = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(seconds);
        Err(Error::Refused { call: self.call, status: self.status, code, message, retry_after, body })
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
            body: KeptBody::of(&self.body, self.answers_secrets, &[]),
        }
    }

    /// The number in the header `X-Total-Count`.
    pub(crate) fn total_count(&self) -> Option<u64> {
        self.headers.get("x-total-count")?.to_str().ok()?.trim().parse().ok()
    }

    /// What is wrong, in words that repeat no value of a secret answer.
    fn problem(&self, error: &serde_json::Error) -> String {
        if self.body.trim_ascii().is_empty() {
            return "it is empty".to_owned();
        }
        if error.is_syntax() || error.is_eof() {
            let line = KeptBody::of(&self.body, self.answers_secrets, &[]).line();
            return format!("it is not JSON but `{line}`");
        }
        let said = error.to_string();
        if self.answers_secrets && !said.starts_with("missing field") {
            return "a value of another type than documented".to_owned();
        }
        said
    }
}

/// A wait in whole seconds. A date is not taken: it would trust this machine's clock.
fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use eqp_types::{Package, SessionToken, UploadedFile};

    use super::*;

    fn answer(body: &'static str, answers_secrets: bool) -> Answer {
        let call = Call { endpoint: &crate::endpoint::FILES_UPLOAD, path: "/rest/v1/files/uploads".to_owned() };
        Answer {
            call,
            status: 200,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            answers_secrets,
        }
    }

    fn text<T: DeserializeOwned>(body: &'static str, answers_secrets: bool) -> String {
        let Err(error) = answer(body, answers_secrets).json::<T>() else { panic!("{body} was read") };
        error.to_string()
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let error =
            text::<Vec<UploadedFile>>(r#"[{"file_upload_id": "1"}, {"file_upload_id": "2", "size": "big"}]"#, false);
        assert!(error.contains("at `[1].size`"), "{error}");
        let error = text::<Vec<UploadedFile>>(r#"[{"filename": "a.zip"}]"#, false);
        assert!(error.contains("missing field `file_upload_id`") && error.contains("at `[0]`"), "{error}");
        let error = text::<Package>(r#"{"sku": {"a": 1}}"#, false);
        assert!(error.contains("at `sku`"), "{error}");
    }

    #[test]
    fn what_is_no_json_is_shown_in_short() {
        assert!(text::<Package>("<html><title>Login</title>", false).contains("not JSON but `Login`"));
        assert!(text::<Package>(" ", false).contains("it is empty"));
        assert!(text::<Package>("{} trailing", false).contains("not JSON"));
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
            let Err(error) = answer(body, true).json::<SessionToken>() else { panic!("{body} was read") };
            assert!(!error.to_string().contains("hush"), "{error}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }
}
