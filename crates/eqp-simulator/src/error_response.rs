//! Error responses of the API: `{"code": integer, "message": string}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use eqp_types::{ApiError, BatchItem, JsonObject};
use http::StatusCode;

use crate::review::InvalidTransition;

/// An error response. Without a documented code, the code is the HTTP status.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ErrorResponse {
    status: StatusCode,
    code: i64,
    message: String,
}

impl ErrorResponse {
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

    /// Returns the error 1208: a submission lacks fields, or the body is not a batch.
    pub(crate) fn insufficient(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: ApiError::INSUFFICIENT_INFORMATION, message: message.into() }
    }

    /// Returns the error 1210: the SKU is invalid.
    pub(crate) fn invalid_sku() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: ApiError::INVALID_SKU,
            message: "Invalid SKU given. SKU must be of the form 'vendor_name/package_name'".to_owned(),
        }
    }

    /// Returns the error 1321: a file of the submission is still being scanned.
    pub(crate) fn scan_in_progress() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: ApiError::SCAN_IN_PROGRESS,
            message: "Malware scan is still in progress".to_owned(),
        }
    }

    /// Returns the error as one item of a batch's response, which is also the body of the response.
    pub(crate) fn item(self) -> BatchItem {
        BatchItem {
            code: Some(self.code),
            message: Some(self.message),
            submission_id: None,
            item_id: None,
            eqp_status: None,
            created_at: None,
            modified_at: None,
            extra: JsonObject::new(),
        }
    }
}

impl From<InvalidTransition> for ErrorResponse {
    fn from(refusal: InvalidTransition) -> Self {
        Self::bad_request(refusal.to_string())
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        (self.status, Json(self.item())).into_response()
    }
}
