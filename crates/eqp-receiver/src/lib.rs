#![doc = include_str!("../README.md")]
//!
//! # Where to start
//!
//! | task | type |
//! |---|---|
//! | run a receiver | [`Receiver`], or [`Embedded`] inside another service |
//! | create endpoints and credentials | [`Endpoints`] |
//! | read submissions, files and events | [`Reader`], and [`Tail`] to follow events |
//! | inspect or drain the spool | [`SpoolFile`], [`drain_spool`] |
//! | rebuild events from stored callbacks | [`Reprojector`] |
//!
//! # Design
//!
//! Data flows in one direction: accept → batch writer → Postgres (or the spool) → projector → tracks and events → readers.
//! The code that accepts callbacks does not interpret them, and the code that interprets them has nothing to do with HTTP. All
//! SQL is in the crate `eqp-store`.

// With fewer features, some functions have no caller and some branches are unreachable.
#![cfg_attr(
    not(all(feature = "listener", feature = "metrics", feature = "spool")),
    allow(dead_code, unused_assignments, unused_imports, unused_variables, reason = "see above")
)]

mod accept;
mod endpoint;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod maintenance;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics/disabled.rs"]
mod metrics;
mod project;
mod receiver;
mod results;
#[cfg(feature = "spool")]
mod spool;
#[cfg(not(feature = "spool"))]
#[path = "spool/disabled.rs"]
mod spool;

#[doc(hidden)]
pub use eqp_store::internal::Supervisor;
pub use eqp_store::{
    AccountId, CallbackDisposition, Counts, CredentialGeneration, CredentialId, CredentialLookup, CredentialState,
    CredentialSummary, DatabaseError, DeadLetter, Disposition, DuplicateCallback, EndpointId, EndpointPathError,
    EndpointSummary, Endpoints, Event, EventDetail, EventFilter, EventKind, FileFilter, FileState, IssuedCredential,
    MasterKey, NewCredential, NewEndpoint, Observer, Order, PublicUrl, PublicUrlError, Reader, ResourceKind,
    SecretFileError, SecretTextError, Store, StoredCallback, Submission, SubmissionFilter, SubmissionHistory, Tail,
    UnknownValue, sqlx,
};
#[cfg(feature = "local-ca")]
pub use eqp_tls::LocalCa;
#[cfg(feature = "listener")]
pub use eqp_tls::listener::ConnectionLimits;
#[cfg(feature = "listener")]
pub use eqp_tls::{Identity, Validity};
pub use eqp_types as types;
pub use error::Error;
pub use limits::Limits;
pub use metrics::Metrics;
pub use project::{Projector, ReprojectScope, Reprojected, Reprojector};
#[cfg(feature = "listener")]
pub use receiver::Tls;
pub use receiver::{Builder, Database, Embedded, Receiver};
#[doc(hidden)]
pub use spool::Level as SpoolLevel;
#[cfg(feature = "spool")]
pub use spool::{
    Drained, Holder, QuarantinedCallback, SnapshotState, SpoolFile, SpoolSettings, SpoolState, SpooledCallback,
    drain_spool, set_aside,
};
pub use tokio_util::sync::CancellationToken;
