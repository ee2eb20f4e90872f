//! The body of a refusal.

use serde::{Deserialize, Serialize};

use crate::{Extra, lenient};

/// `{"code": 1208, "message": "…"}`, the body of every 4xx and of a bad item in a batch.
///
/// Proxies in front of the API answer HTML or nothing instead: never assume that it can be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiError {
    /// What went wrong; few codes are documented.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub code: Option<i64>,
    /// The same in words.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub message: Option<String>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ApiError {
    /// `Insufficient information for Technical Submission`.
    pub const INSUFFICIENT_INFORMATION: i64 = 1208;
    /// `Invalid SKU given. SKU must be of the form 'vendor_name/package_name'`.
    pub const INVALID_SKU: i64 = 1210;
    /// `Malware scan is still in progress`: a submission came too early, and succeeds once the scan has ended.
    pub const SCAN_IN_PROGRESS: i64 = 1321;
    /// `Package live in store`, of the legacy deletion of a file.
    pub const PACKAGE_LIVE_IN_STORE: i64 = 1500;
}
