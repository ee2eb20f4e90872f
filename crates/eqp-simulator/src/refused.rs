//! How calls are refused: `{"code": integer, "message": string}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use eqp_types::ApiError;
use http::StatusCode;
use serde_json::{Value, json};

use crate::review::Refusal;

/// A refusal. Codes that are not documented repeat the HTTP status.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    status: StatusCode,
    code: i64,
    message: String,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: i64::from(status.as_u16()), message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("There is no {what} {id}"))
    }

    /// 1208, for a submission that lacks something and for a batch that is none.
    pub(crate) fn insufficient(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: ApiError::INSUFFICIENT_INFORMATION, message: message.into() }
    }

    /// 1210.
    pub(crate) fn invalid_sku() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: ApiError::INVALID_SKU,
            message: "Invalid SKU given. SKU must be of the form 'vendor_name/package_name'".to_owned(),
        }
    }

    /// 1321, for a submission that comes while one of its files is still being scanned.
    pub(crate) fn scan_in_progress() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: ApiError::SCAN_IN_PROGRESS,
            message: "Malware scan is still in progress".to_owned(),
        }
    }

    /// The item of a batch.
    pub(crate) fn item(&self) -> Value {
        json!({"code": self.code, "message": self.message})
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::bad_request(refusal.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(self.item())).into_response()
    }
}
