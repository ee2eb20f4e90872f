#![doc = include_str!("../README.md")]

mod api_error;
mod callback;
pub mod calls;
mod code;
mod credentials;
mod environment;
mod file;
mod id;
mod json_error;
mod json_object;
mod key;
pub mod lenient;
mod package;
mod raw_fields;
mod resource_read;
#[cfg(feature = "schema")]
mod schema;
mod status;
mod test_result;
mod timestamp;
mod user;

pub use api_error::ApiError;
pub use callback::{Callback, CallbackError, EqpStatusUpdate, MalwareScanComplete, UnknownCallback};
pub use credentials::{ApiKey, Secret, SessionRequest, SessionToken};
pub use environment::{Environment, UnknownEnvironment};
pub use file::{FileRecord, UploadedFile};
pub use id::{FileUploadId, IdError, ItemId, MageId, Sku, SubmissionId, ToolRunId, check_text};
pub use json_error::JsonError;
pub use json_object::JsonObject;
pub use key::{ComposerKeyM1, ComposerKeyM2, ComposerKeys};
pub use package::{
    Actions, Amount, BatchItem, DocumentationArtifacts, Edition, EqpStatus, ExistingPackage, ExternalService,
    ExternalServices, FileReference, Flag, LaunchedVersion, LicenseType, MediaArtifacts, OverallAction, Package,
    PackageDraft, PackageType, PackageUpdate, Platform, Price, PricingModel, PricingType, Priority, ProcessAsPatch,
    ReviewAction, ServiceOwner, ServicePayee, SharedArtifact, SharedPackage, Stability, SupportTier,
    VersionCompatibility,
};
pub use raw_fields::{FieldError, MAX_JSON_DEPTH, is_nested_too_deep};
pub use resource_read::{ResourceRead, ResourceReadError};
pub use status::{
    Flow, MalwareStatus, MarketingStatus, OverallStatus, TechnicalStatus, TestStatus, canonical_status, review_rank,
};
pub use test_result::{
    CodeSnifferDetails, CodeSnifferFile, CodeSnifferMessage, CodeSnifferTotals, CommandOutput, FailedReport, Reports,
    ReviewDetails, SingleReport, TestDetails, TestReport, TestRun,
};
pub use timestamp::{Timestamp, TimestampError};
pub use user::{ApiCallback, ApiCallbackEntry, UserProfile};

/// The fields of an object that this crate does not know, unchanged.
pub type Extra = serde_json::Map<String, serde_json::Value>;
