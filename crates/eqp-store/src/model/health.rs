//! The state of the parts of an installation, as the database knows it.

use eqp_types::{Environment, MageId};
use time::OffsetDateTime;
use uuid::Uuid;

/// The database itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// The version of Postgres.
    pub version: String,
    /// Its time.
    pub now: OffsetDateTime,
    pub size_bytes: u64,
    /// The number of the last migration.
    pub migration: i64,
    /// The ID of the installation, once a receiver has used the database.
    pub instance: Option<Uuid>,
}

/// The settings of Postgres that decide whether a committed transaction can be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durability {
    /// Whether commits are written to the disk before they are acknowledged.
    pub has_fsync: bool,
    pub synchronous_commit: String,
    /// Whether commits wait for a replica, if `synchronous_commit` says so.
    pub has_synchronous_standbys: bool,
    /// The number of connected replicas.
    pub replicas: i64,
}

/// A receiver, which reports its state every few seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverState {
    pub id: Uuid,
    pub heartbeat_at: OffsetDateTime,
    /// Whether its last heartbeat is recent.
    pub is_running: bool,
    pub certificate_expires_at: Option<OffsetDateTime>,
    pub spool_callbacks: u64,
    pub spool_oldest_at: Option<OffsetDateTime>,
    /// The version of its program, if it reports one.
    pub version: Option<String>,
}

/// An endpoint in use, and what the last comparison with the Marketplace's list found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointState {
    pub name: String,
    pub environment: Environment,
    pub mage_id: MageId,
    pub public_url: String,
    /// When the last callback arrived, if one has.
    pub last_callback_at: Option<OffsetDateTime>,
    /// The result of the comparison, if there was one.
    pub registration: Option<ComparedRegistration>,
}

/// The result of a comparison of an endpoint with the Marketplace's list of callbacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedRegistration {
    /// The state, such as `registered` or `missing`.
    pub state: String,
    /// Whether the list contains the endpoint as it should.
    pub is_consistent: bool,
    /// Since when every comparison has found this state.
    pub since: OffsetDateTime,
    pub checked_at: OffsetDateTime,
}
