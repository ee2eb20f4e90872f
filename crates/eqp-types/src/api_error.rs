//! The error body of the API.

use serde::{Deserialize, Serialize};

use crate::{Extra, lenient};

/// The body of every 4xx response and of a rejected item in a batch: `{"code": 1208, "message": "…"}`.
///
/// Proxies in front of the API return HTML or nothing instead, so do not rely on this body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiError {
    /// The error code. Few codes are documented.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub code: Option<i64>,
    /// The message.
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
    /// `Malware scan is still in progress`: the same request succeeds after the scan.
    pub const SCAN_IN_PROGRESS: i64 = 1321;
    /// `Package live in store`: returned by the legacy call that deletes a file.
    pub const PACKAGE_LIVE_IN_STORE: i64 = 1500;
}
