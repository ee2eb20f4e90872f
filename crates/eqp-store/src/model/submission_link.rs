//! Links with which people outside can read the page of one submission.

use eqp_types::{Environment, MageId};
use time::OffsetDateTime;

/// A link to the page of a submission, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSubmissionLink {
    /// The number, which is part of the link.
    pub id: i64,
    pub environment: Environment,
    pub mage_id: MageId,
    pub submission_id: String,
    pub created_at: OffsetDateTime,
    pub created_by: String,
    pub expires_at: OffsetDateTime,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
    pub revoked_at: Option<OffsetDateTime>,
}

/// A link that is being used, with the hash of its secret.
#[derive(Clone, Debug)]
pub struct UsedSubmissionLink {
    pub hash: Vec<u8>,
    pub environment: Environment,
    pub mage_id: MageId,
    pub submission_id: String,
    pub expires_at: OffsetDateTime,
    /// Whether it is neither expired nor revoked.
    pub is_valid: bool,
}
