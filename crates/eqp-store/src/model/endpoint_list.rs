//! Endpoints as they are listed, with their registration and their credentials.

use eqp_types::{Environment, MageId};
use time::OffsetDateTime;

use super::{ComparedRegistration, CredentialSummary};

/// Selects endpoints, which are listed by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointFilter {
    pub environment: Option<Environment>,
    pub mage_id: Option<MageId>,
    /// Also endpoints that are no longer in use.
    pub includes_retired: bool,
    /// Only endpoints after this name.
    pub after_name: Option<String>,
    pub limit: u32,
}

/// An endpoint, without secrets.
#[derive(Clone, Debug)]
pub struct ListedEndpoint {
    pub id: i64,
    pub name: String,
    pub environment: Environment,
    pub mage_id: MageId,
    pub path: String,
    pub public_url: String,
    pub created_at: OffsetDateTime,
    pub retired_at: Option<OffsetDateTime>,
    /// The result of the last comparison with the Marketplace's list, if there was one.
    pub registration: Option<ComparedRegistration>,
    /// The credentials, newest first.
    pub credentials: Vec<CredentialSummary>,
}
