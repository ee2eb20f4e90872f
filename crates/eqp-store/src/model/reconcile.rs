//! Runs of the reconciliation, and the accounts that it compares with the API.

use eqp_types::{Environment, MageId, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;

use super::AccountId;
use super::string_enum::{UnknownValue, string_enum};

/// Which resources a run reads.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<RunKind>)]
pub enum RunKind {
    /// Those that were modified since the last run.
    Incremental,
    /// All.
    Full,
    /// Those that were requested.
    Selected,
}

string_enum!(RunKind);

/// The number of a reconcile run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

/// The progress of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Submissions and files that were read.
    pub resources: u64,
    /// API reads that were stored, because they said something new.
    pub stored: u64,
    /// The latest `modified_at` that was read.
    pub newest_modified_at: Option<Timestamp>,
}

/// The state that the successful runs of an account have left for the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastRuns {
    /// The latest `modified_at` that an incremental or full run has read.
    pub newest_modified_at: Option<Timestamp>,
    /// When an incremental or full run last succeeded. `None` means that the next run is the first one.
    pub succeeded_at: Option<OffsetDateTime>,
    /// When a full run last succeeded.
    pub full_at: Option<OffsetDateTime>,
}

/// An account with what reconciliation needs to know about it.
#[derive(Clone, Debug)]
pub struct AccountSummary {
    pub id: AccountId,
    pub environment: Environment,
    pub mage_id: MageId,
    /// The names of its endpoints that are not retired.
    pub endpoints: Vec<String>,
    /// When one of its endpoints, including retired ones, was first registered at the Marketplace.
    pub first_registered_at: Option<OffsetDateTime>,
    /// Its access key.
    pub access_key: Option<AccessKeySummary>,
    /// The start, end and error of its newest run of any kind.
    pub last_run: Option<RunSummary>,
}

/// An access key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeySummary {
    /// The application ID.
    pub application_id: String,
    /// The URL of the API that accepted it.
    pub api_url: String,
    /// When the Marketplace last accepted the key.
    pub verified_at: OffsetDateTime,
    /// Whether the secret is stored in the database. Otherwise servers read it from their configuration.
    pub is_sealed: bool,
}

/// A run as lists show it.
#[derive(Clone, Debug)]
pub struct RunSummary {
    pub kind: RunKind,
    pub started_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
    pub error: Option<String>,
}

/// A stored access key, opened.
#[derive(Clone, Debug)]
pub struct StoredAccessKey {
    /// The application ID, which is not secret.
    pub application_id: String,
    /// The application secret.
    pub application_secret: Secret,
    /// The URL of the API that accepted it.
    pub api_url: String,
    /// When the Marketplace last accepted it.
    pub verified_at: OffsetDateTime,
}

/// Data of a resource that the API reports beside its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceDetail {
    /// The version of the resource that this describes.
    pub modified_at: Option<Timestamp>,
    pub sku: Option<String>,
    pub version: Option<String>,
    pub name: Option<String>,
    /// The type of a package, such as `extension`.
    pub package_type: Option<String>,
    /// Whether the submission is reviewed as a patch.
    pub is_patch: Option<bool>,
    /// The file of the submission's archive.
    pub artifact_id: Option<String>,
    /// A JSON object. `findings`: the reasons for a rejection, once they were read.
    pub details: Option<String>,
}
