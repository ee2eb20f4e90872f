//! Schemas of the Adobe Commerce (Magento) Marketplace EQP API.
//!
//! The types read everything the real API is known to send, also where its documentation and
//! practice disagree, and keep what they do not know: an unknown code becomes an `Unknown` arm that
//! writes back what it read, an unknown field survives a read and a write.
//!
//! There is no I/O here, and nothing that keeps the crate from building for `wasm32`.
//!
//! ```
//! use eqp_types::Callback;
//!
//! let body = br#"{"callback_event": "malware_scan_complete",
//!     "update_info": {"file_upload_id": "2309480238.238475.0", "tool_result": "passed"}}"#;
//! let Callback::MalwareScanComplete(scan) = Callback::decode(body)? else { panic!() };
//! assert_eq!(scan.file_upload_id.as_str(), "2309480238.238475.0");
//! assert!(scan.tool_result.has_passed());
//! # Ok::<(), eqp_types::CallbackError>(())
//! ```

mod api_error;
mod callback;
mod environment;
mod file;
mod id;
mod key;
pub mod lenient;
mod open_enum;
mod package;
mod raw_fields;
mod secret;
mod session;
mod status;
mod test_result;
mod timestamp;
mod user;

pub use api_error::ApiError;
pub use callback::{Callback, CallbackError, EqpStatusUpdate, MalwareScanComplete, UnknownCallback};
pub use environment::{Environment, UnknownEnvironment};
pub use file::{FileRecord, UploadedFile};
pub use id::{FileUploadId, IdError, ItemId, MageId, Sku, SubmissionId, ToolRunId, check_text};
pub use key::{ComposerKeyM1, ComposerKeyM2, ComposerKeys};
pub use package::{Actions, BatchItem, EqpStatus, FileReference, Package};
pub use raw_fields::{DEEPEST_JSON, FieldError, is_nested_too_deep};
pub use secret::{ApiKey, Secret};
pub use session::{SessionRequest, SessionToken};
pub use status::{
    Flow, MalwareStatus, MarketingStatus, OverallStatus, TechnicalStatus, TestStatus, canonical_outcome, review_rank,
};
pub use test_result::{
    CodeSnifferDetails, CodeSnifferFile, CodeSnifferMessage, CodeSnifferTotals, CommandOutput, FailedReport, Reports,
    ReviewDetails, SingleReport, TestDetails, TestReport, TestRun,
};
pub use timestamp::{Timestamp, TimestampError};
pub use user::{ApiCallback, ApiCallbackEntry, UserProfile};

/// Fields of an object that this crate has no name for, kept as they came.
pub type Extra = serde_json::Map<String, serde_json::Value>;
